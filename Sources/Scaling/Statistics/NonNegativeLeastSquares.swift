/// Least squares with non-negative coefficients, for the few coefficients of a cost model.
enum NonNegativeLeastSquares {
    /// Finds the coefficients x ≥ 0 that minimize Σ ((A·x − y) / y)².
    ///
    /// Errors are relative, to weigh short and long times alike.
    ///
    /// The optimum has some coefficients at 0 and solves the ordinary problem in the others, so all
    /// subsets are tried. Of two equal fits, the one with fewer coefficients is chosen.
    ///
    /// - Parameters:
    ///   - rows: A, a row for each measurement, at most 8 columns.
    ///   - values: y, all above 0.
    /// - Returns: x; nil without measurements.
    static func solve(_ rows: [[Double]], _ values: [Double]) -> [Double]? {
        guard let columns = rows.first?.count, columns <= 8, rows.count == values.count else { return nil }
        let usable = zip(rows, values).filter { $1 > 0 && $1.isFinite && $0.allSatisfy(\.isFinite) }
        guard !usable.isEmpty else { return nil }
        let scaled = usable.map { row, value in row.map { $0 / value } }
        var best = (error: Double.infinity, solution: [Double](repeating: 0, count: columns))
        let subsets = (0..<(1 << columns)).sorted { $0.nonzeroBitCount < $1.nonzeroBitCount }
        for subset in subsets {
            let chosen = (0..<columns).filter { subset >> $0 & 1 == 1 }
            guard let part = ordinary(scaled.map { row in chosen.map { row[$0] } }), part.allSatisfy({ $0 >= 0 })
            else { continue }
            var solution = [Double](repeating: 0, count: columns)
            for (column, value) in zip(chosen, part) { solution[column] = value }
            let error = scaled.reduce(0.0) { sum, row in
                sum + square(zip(row, solution).reduce(-1.0) { $0 + $1.0 * $1.1 })
            }
            if error < best.error * (1 - 1e-9) - 1e-15 { best = (error, solution) }
        }
        return best.error.isFinite ? best.solution : nil
    }

    /// Minimizes Σ (A·x − 1)² by the normal equations; nil where columns are linearly dependent.
    private static func ordinary(_ rows: [[Double]]) -> [Double]? {
        let count = rows.first?.count ?? 0
        let norms = (0..<count).map { column in rows.reduce(0) { $0 + square($1[column]) }.squareRoot() }
        guard norms.allSatisfy({ $0 > 0 && $0.isFinite }) else { return nil }
        // With columns of length 1, the pivots measure linear independence.
        let normalized = rows.map { row in zip(row, norms).map { $0 / $1 } }
        var matrix: [[Double]] = (0..<count).map { i in
            let products: [Double] = (0..<count).map { j in normalized.reduce(0) { $0 + $1[i] * $1[j] } }
            return products + [normalized.reduce(0) { $0 + $1[i] }]
        }
        for pivot in 0..<count {
            guard matrix[pivot][pivot] > 1e-9 else { return nil }
            for row in 0..<count where row != pivot {
                let factor = matrix[row][pivot] / matrix[pivot][pivot]
                for column in pivot...count { matrix[row][column] -= factor * matrix[pivot][column] }
            }
        }
        return (0..<count).map { matrix[$0][count] / matrix[$0][$0] / norms[$0] }
    }

    private static func square(_ value: Double) -> Double { value * value }
}
