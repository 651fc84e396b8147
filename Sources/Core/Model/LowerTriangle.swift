import CKernels

/// A lower triangular matrix in blocks of rows, each as wide as its last row up to the diagonal and
/// without gaps.
///
/// Workers write disjoint parts at the same time. The bits of the results don't depend on the
/// number of workers.
struct LowerTriangle: Sendable {
    /// The rows per block.
    private static let blockRows = ColumnBlock.maxRows

    /// The number of rows and columns of the matrix.
    let rows: Int
    private let storage: AlignedBuffer<Float>

    /// Allocates a matrix of zeros.
    ///
    /// - Throws: `DTrainError` with `internal` if memory runs out.
    init(rows: Int) throws {
        self.rows = rows
        let whole = rows / Self.blockRows * Self.blockRows
        storage = try AlignedBuffer(count: Self.start(of: whole, in: rows) + (rows - whole) * rows)
    }

    /// Returns the row ranges of the blocks from the one that contains `row` on; a block's rows are
    /// `upperBound` floats apart.
    func blocks(from row: Int = 0) -> some Sequence<Range<Int>> {
        stride(from: row / Self.blockRows * Self.blockRows, to: rows, by: Self.blockRows).lazy.map { [rows] in
            $0..<min($0 + Self.blockRows, rows)
        }
    }

    /// Returns a row's first element; elements right of the diagonal are undefined.
    func row(_ index: Int) -> UnsafeMutablePointer<Float> { storage.pointer + Self.start(of: index, in: rows) }

    private static func start(of row: Int, in rows: Int) -> Int {
        let block = row / blockRows
        return blockRows * blockRows * block * (block + 1) / 2 + row % blockRows * min((block + 1) * blockRows, rows)
    }
}

extension LowerTriangle {
    /// The columns of the factor computed at a time; their rows stay in the cache.
    private static let factorColumns = 64
    /// The rows per task.
    private static let taskRows = 16

    /// Replaces the lower triangle of a symmetric positive definite matrix by its Cholesky factor.
    func factorize(pool: WorkerPool, heartbeat: Heartbeat?) throws {
        for first in stride(from: 0, to: rows, by: Self.factorColumns) {
            heartbeat?.beat()
            let columns = first..<min(first + Self.factorColumns, rows)
            computeFactor(columns, of: columns)
            let tasks = (rows - columns.upperBound).groups(of: Self.taskRows)
            try pool.run { _ in
                while let task = pool.nextTask(below: tasks) {
                    heartbeat?.beat()
                    let first = columns.upperBound + task * Self.taskRows
                    computeFactor(columns, of: first..<min(first + Self.taskRows, rows))
                }
            }
        }
    }

    /// Computes some columns of some rows of the factor; no row is above the first column's
    /// diagonal.
    private func computeFactor(_ columns: Range<Int>, of rows: Range<Int>) {
        for j in columns {
            let pivot = row(j)
            for i in max(j, rows.lowerBound)..<rows.upperBound {
                let row = row(i)
                let rest = row[j] - dtrain_dot(Int64(j), row, pivot)
                row[j] = i == j ? rest.squareRoot() : rest / pivot[j]
            }
        }
    }

    /// The columns per task.
    private static let inverseColumns = blockRows

    /// Computes the inverse, with zeros right of the diagonal.
    ///
    /// - Throws: `DTrainError` with `internal` if memory runs out.
    func inverse(pool: WorkerPool, heartbeat: Heartbeat?) throws -> LowerTriangle {
        let inverse = try LowerTriangle(rows: rows)
        let tasks = rows.groups(of: Self.inverseColumns)
        try pool.run { _ in
            while let task = pool.nextTask(below: tasks) {
                let first = task * Self.inverseColumns
                computeInverse(inverse, columns: first..<min(first + Self.inverseColumns, rows), heartbeat)
            }
        }
        return inverse
    }

    /// Computes each row i of the inverse from the rows above it: L⁻¹[i] = (e_i − Σ_j L[i][j] ·
    /// L⁻¹[j]) / L[i][i].
    private func computeInverse(_ inverse: LowerTriangle, columns: Range<Int>, _ heartbeat: Heartbeat?) {
        let first = columns.lowerBound
        func width(_ row: Int) -> Int { min(row + 1, columns.upperBound) - first }
        for i in first..<rows {
            heartbeat?.beat()
            let (factors, result) = (row(i), inverse.row(i) + first)
            for j in first..<i { dtrain_axpy(Int64(width(j)), -factors[j], inverse.row(j) + first, result) }
            if columns.contains(i) { result[i - first] = 1 }
            for column in 0..<width(i) { result[column] /= factors[i] }
        }
    }
}
