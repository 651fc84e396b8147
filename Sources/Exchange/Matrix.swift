/// Numbers in rows and columns, row-major.
struct Matrix: Hashable, Sendable {
    let rows: Int
    let columns: Int
    /// The elements, `rows` × `columns`.
    private(set) var values: [Float]

    init(rows: Int, columns: Int, values: [Float]) {
        precondition(values.count == rows * columns, "a matrix is full")
        (self.rows, self.columns, self.values) = (rows, columns, values)
    }

    /// A matrix of zeros.
    static func zeros(rows: Int, columns: Int) -> Matrix {
        Matrix(rows: rows, columns: columns, values: [Float](repeating: 0, count: rows * columns))
    }

    /// Rows become columns.
    var transposed: Matrix {
        var result = [Float](repeating: 0, count: values.count)
        values.withUnsafeBufferPointer { source in
            result.withUnsafeMutableBufferPointer { target in
                for row in 0..<rows {
                    for column in 0..<columns { target[column * rows + row] = source[row * columns + column] }
                }
            }
        }
        return Matrix(rows: columns, columns: rows, values: result)
    }

    /// The same with the gates' groups of columns in another order.
    ///
    /// - Parameters:
    ///   - from: the order that they have, a letter for each gate.
    ///   - to: the same letters in the order wanted.
    func regrouped(from: String, to: String) -> Matrix {
        guard from != to else { return self }
        precondition(from.count == to.count && columns % from.count == 0, "each gate has as many columns")
        let width = columns / from.count
        let places = to.compactMap { letter in
            from.firstIndex(of: letter).map { from.distance(from: from.startIndex, to: $0) }
        }
        var result: [Float] = []
        result.reserveCapacity(values.count)
        for row in 0..<rows {
            for place in places {
                let start = row * columns + place * width
                result += values[start..<start + width]
            }
        }
        return Matrix(rows: rows, columns: columns, values: result)
    }

    /// The same with another row above the first.
    func withFirstRow(_ row: [Float]) -> Matrix { Matrix(rows: rows + 1, columns: columns, values: row + values) }
}
