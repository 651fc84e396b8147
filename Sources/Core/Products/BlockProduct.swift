import CKernels

/// A product with weights in column blocks that prefetches the weights.
///
/// Training has few rows per product, so all weights stream through the core's cache for little
/// computation each. The product is bound by the weights' bandwidth.
final class BlockProduct: WeightProduct {
    /// A CKernels function that multiplies operands of one format.
    typealias Loops = @convention(c) (dtrain_packed_product) -> Void

    /// The most rows per call, in whole tiles; their copies of A stay in the cache.
    private static let maxRows = 128

    private var product: dtrain_packed_product
    private let loops: Loops
    private let rows: Int
    private let rowBytes: Int
    private let scratch: AlignedBuffer<Float>

    /// Prepares a product.
    ///
    /// - Parameters:
    ///   - rowBytes: the bytes per row of A.
    ///   - columns: the columns to compute.
    ///   - resultStride: the distance between C's rows in floats.
    ///   - loops: the CKernels function that multiplies.
    /// - Throws: `DTrainError` with `internal` if memory runs out.
    init(
        rows: Int, depth: Int, rowBytes: Int, columns: ColumnGroups, resultStride: Int, accumulate: Bool = false,
        loops: @escaping Loops
    ) throws {
        self.rows = rows
        self.rowBytes = rowBytes
        self.loops = loops
        scratch = try AlignedBuffer(count: Int(dtrain_packed_product_scratch(Int64(min(rows, Self.maxRows)))))
        product = dtrain_packed_product()
        product.first = Int64(columns.first.lowerBound)
        product.columns = Int64(columns.first.count)
        product.groups = Int64(columns.count)
        product.group_stride = Int64(columns.stride)
        product.depth = Int64(depth)
        product.c_stride = Int64(resultStride)
        product.accumulate = accumulate ? 1 : 0
        product.scratch = scratch.pointer
    }

    func callAsFunction(_ a: UnsafeRawPointer, _ b: UnsafeRawPointer, _ c: UnsafeMutablePointer<Float>) {
        product.packed = b
        for first in stride(from: 0, to: rows, by: Self.maxRows) {
            product.rows = Int64(min(Self.maxRows, rows - first))
            product.a = a + first * rowBytes
            product.c = c + first * Int(product.c_stride)
            product.backwards = 1 - product.backwards
            loops(product)
        }
    }
}
