import CKernels

/// A product with weights in column blocks that fetches the weights ahead.
///
/// With a training's few rows, all of the weights stream through the core's cache for little
/// work each, so the product is as fast as the weights arrive.
final class BlockProduct: WeightProduct {
    /// A function of CKernels that multiplies operands of one format.
    typealias Loops = @convention(c) (dtrain_packed_product) -> Void

    /// The most rows at a time, in whole tiles: their copies of A stay in the cache.
    private static let mostRows = 128

    private var product: dtrain_packed_product
    private let loops: Loops
    private let rows: Int
    private let rowBytes: Int
    private let scratch: AlignedBuffer<Float>

    /// Prepares a product.
    ///
    /// - Parameters:
    ///   - rowBytes: the bytes of a row of A.
    ///   - columns: the columns to compute.
    ///   - resultStride: the distance of C's rows in floats.
    ///   - loops: the function that multiplies.
    /// - Throws: `DTrainError` with `internal` when memory runs out.
    init(
        rows: Int, depth: Int, rowBytes: Int, columns: ColumnGroups, resultStride: Int, accumulate: Bool = false,
        loops: @escaping Loops
    ) throws {
        self.rows = rows
        self.rowBytes = rowBytes
        self.loops = loops
        scratch = try AlignedBuffer(count: Int(dtrain_packed_product_scratch(Int64(min(rows, Self.mostRows)))))
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
        for first in stride(from: 0, to: rows, by: Self.mostRows) {
            product.rows = Int64(min(Self.mostRows, rows - first))
            product.a = a + first * rowBytes
            product.c = c + first * Int(product.c_stride)
            product.backwards = 1 - product.backwards
            loops(product)
        }
    }
}
