/// C[M, N] = A[M, K] · B[K, N] of plain float32 matrices, for one worker.
///
/// For initial values and the first layer's table; the big products have packed operands.
final class PlainProduct {
    /// How a matrix lies in memory.
    enum Layout {
        /// Rows follow each other, `stride` elements apart.
        case rows(stride: Int)
        /// The transpose is stored: columns follow each other, `stride` elements apart.
        case columns(stride: Int)
    }

    private let product: OneDNNMatmul

    /// Prepares a product; C is stored by rows without gaps unless it has a layout.
    init(rows: Int, columns: Int, depth: Int, a: Layout, b: Layout, c: Layout? = nil) throws {
        product = try OneDNNMatmul(
            a: .plain(rows: rows, columns: depth, a), b: .plain(rows: depth, columns: columns, b),
            c: .plain(rows: rows, columns: columns, c ?? .rows(stride: columns)), accumulate: false)
    }

    /// Computes the product; the three matrices must not overlap.
    func callAsFunction(
        _ a: UnsafePointer<Float>, _ b: UnsafePointer<Float>, _ c: UnsafeMutablePointer<Float>
    ) throws {
        try product(a, b, c)
    }
}
