import CKernels

/// Orthonormalizes the rows of a matrix in place, in order, on all workers of a pool.
///
/// The result is the transposed Q of the QR decomposition of Aᵀ with a positive diagonal of R, as
/// in Keras. Its bits don't depend on the number of workers.
struct OrthonormalRows: Sendable {
    /// The buffer that contains the matrix.
    let buffer: AlignedBuffer<Float>
    /// The index of the matrix's first element.
    let offset: Int
    let rows: Int
    let columns: Int
    let pool: WorkerPool
    let heartbeat: Heartbeat?

    private var matrix: UnsafeMutablePointer<Float> { buffer.pointer + offset }

    /// Replaces the matrix by the result.
    ///
    /// With the Cholesky factorization A·Aᵀ = L·Lᵀ, the result is L⁻¹·A. This squares the condition
    /// number. So in float32 it is only used for matrices with at least twice as many columns as
    /// rows; others use Gram-Schmidt.
    ///
    /// - Throws: `DTrainError` with `internal` if memory runs out.
    func compute() throws {
        guard columns >= 2 * rows else { return gramSchmidt() }
        let factor = try gramMatrix()
        try factor.factorize(pool: pool, heartbeat: heartbeat)
        try multiply(by: factor.inverse(pool: pool, heartbeat: heartbeat))
    }

    /// Computes the lower triangle of A·Aᵀ.
    private func gramMatrix() throws -> LowerTriangle {
        let gram = try LowerTriangle(rows: rows)
        try inColumnBlocks(of: rows, maxDepth: columns) { product, range in
            let first = range.lowerBound
            product.pack(
                matrix + first * columns, .transposed, depth: columns, columns: range.count, stride: columns)
            for block in gram.blocks(from: first) {
                heartbeat?.beat()
                product.multiply(
                    matrix + block.lowerBound * columns, rows: block.count, depth: columns,
                    to: gram.row(block.lowerBound) + first, stride: block.upperBound)
            }
        }
        return gram
    }

    /// Multiplies the matrix by a triangular matrix from the left.
    ///
    /// The rows of a block of the triangular matrix are 0 after the block's last column, so the
    /// sums end there.
    private func multiply(by triangle: LowerTriangle) throws {
        try inColumnBlocks(of: columns, maxDepth: rows) { product, range in
            let columnsOfBlock = matrix + range.lowerBound
            product.pack(columnsOfBlock, .rows, depth: rows, columns: range.count, stride: columns)
            for block in triangle.blocks() {
                heartbeat?.beat()
                product.multiply(
                    triangle.row(block.lowerBound), rows: block.count, depth: block.upperBound,
                    to: columnsOfBlock + block.lowerBound * columns, stride: columns)
            }
        }
    }

    /// Divides `count` columns in blocks among the workers, each with its own buffer for packing.
    private func inColumnBlocks(
        of count: Int, maxDepth: Int, _ body: @Sendable (ColumnBlock, Range<Int>) -> Void
    ) throws {
        let width = ColumnBlock.maxColumns
        try pool.run { _ in
            let product = try ColumnBlock(maxDepth: maxDepth)
            while let task = pool.nextTask(below: count.groups(of: width)) {
                body(product, task * width..<min((task + 1) * width, count))
            }
        }
    }

    /// Orthonormalizes the rows one after another by Gram-Schmidt.
    ///
    /// A second projection removes the errors of cancellation in the first (Kahan and Parlett:
    /// "twice is enough").
    private func gramSchmidt() {
        let count = Int64(columns)
        for i in 0..<rows {
            heartbeat?.beat()
            let row = matrix + i * columns
            for _ in 0..<2 {
                for j in 0..<i {
                    let earlier = matrix + j * columns
                    dtrain_axpy(count, -dtrain_dot(count, row, earlier), earlier, row)
                }
            }
            let length = dtrain_dot(count, row, row).squareRoot()
            for column in 0..<columns { row[column] /= length }
        }
    }
}
