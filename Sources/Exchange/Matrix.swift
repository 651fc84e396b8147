/// A row-major matrix of floats.
struct Matrix: Hashable, Sendable {
    let rows: Int
    let columns: Int
    /// The elements, `rows` × `columns`.
    private(set) var values: [Float]

    init(rows: Int, columns: Int, values: [Float]) {
        precondition(values.count == rows * columns, "a matrix has rows × columns values")
        (self.rows, self.columns, self.values) = (rows, columns, values)
    }

    /// A matrix of zeros.
    static func zeros(rows: Int, columns: Int) -> Matrix {
        Matrix(rows: rows, columns: columns, values: [Float](repeating: 0, count: rows * columns))
    }

    /// The transposed matrix.
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

    /// Reorders the gates' groups of columns.
    ///
    /// - Parameters:
    ///   - from: the current order, a letter for each gate.
    ///   - to: the new order of the same letters.
    func regrouped(from: String, to: String) -> Matrix {
        guard from != to else { return self }
        precondition(from.count == to.count && columns % from.count == 0, "each gate has the same number of columns")
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

    /// The matrix with a row inserted before the first.
    func withFirstRow(_ row: [Float]) -> Matrix { Matrix(rows: rows + 1, columns: columns, values: row + values) }
}
