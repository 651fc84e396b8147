import CKernels

/// Makes the rows of a matrix orthonormal, in order and in place, on all workers of a pool.
///
/// The result is the Q of the QR decomposition of Aᵀ with a positive diagonal of R, as in Keras. Its bits are the same for any
/// number of workers.
struct OrthonormalRows: Sendable {
    /// What holds the matrix.
    let buffer: AlignedBuffer<Float>
    /// The matrix's first element.
    let offset: Int
    let rows: Int
    let columns: Int
    let pool: WorkerPool
    let heartbeat: Heartbeat?

    private var matrix: UnsafeMutablePointer<Float> { buffer.pointer + offset }

    /// Replaces the matrix.
    ///
    /// With A·Aᵀ = L·Lᵀ (Cholesky) it is Q = L⁻¹·A. That squares the condition number, so in float32
    /// it needs a matrix with several times more columns than rows; others take Gram-Schmidt.
    ///
    /// - Throws: `DTrainError` with `internal` when memory runs out.
    func compute() throws {
        guard columns >= 2 * rows else { return gramSchmidt() }
        let factor = try gramMatrix()
        try factor.factorize(pool: pool, heartbeat: heartbeat)
        try multiply(by: factor.inverse(pool: pool, heartbeat: heartbeat))
    }

    /// The lower triangle of A·Aᵀ.
    private func gramMatrix() throws -> LowerTriangle {
        let gram = try LowerTriangle(rows: rows)
        try inColumnBlocks(of: rows, mostDepth: columns) { product, range in
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

    /// Multiplies the matrix by a triangle from the left.
    ///
    /// A block of the triangle's rows is 0 beyond its last column, so the sums end there.
    private func multiply(by triangle: LowerTriangle) throws {
        try inColumnBlocks(of: columns, mostDepth: rows) { product, range in
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

    /// Divides `count` columns in blocks among the workers, each of which has its own room to pack them.
    private func inColumnBlocks(
        of count: Int, mostDepth: Int, _ body: @Sendable (ColumnBlock, Range<Int>) -> Void
    ) throws {
        let width = ColumnBlock.mostColumns
        try pool.run { _ in
            let product = try ColumnBlock(mostDepth: mostDepth)
            while let task = pool.nextTask(below: count.groups(of: width)) {
                body(product, task * width..<min((task + 1) * width, count))
            }
        }
    }

    /// Orthonormalises the rows one after another.
    ///
    /// Projecting twice makes up for the cancellation of the first time (Kahan and Parlett: "twice is
    /// enough").
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
