import CKernels

/// Products of selected rows of a float32 matrix A[*, K] with B[K, N], for one worker.
final class GatheredProduct {
    /// The most rows per call; their copies stay in the cache.
    private static let maxRows = 128

    private let depth: Int
    private let packed: AlignedBuffer<Float>
    private let rows: AlignedBuffer<Float>
    private let scratch: AlignedBuffer<Float>
    private var product = dtrain_packed_product()

    /// Allocates the buffers.
    ///
    /// - Parameters:
    ///   - depth: K.
    ///   - maxColumns: the largest N.
    /// - Throws: `DTrainError` with `internal` if memory runs out.
    init(depth: Int, maxColumns: Int) throws {
        self.depth = depth
        packed = try AlignedBuffer(count: BlockPacking.words(columns: maxColumns, steps: depth))
        rows = try AlignedBuffer(count: Self.maxRows * depth)
        scratch = try AlignedBuffer(count: Int(dtrain_packed_product_scratch(Int64(Self.maxRows))))
        product.groups = 1
        product.depth = Int64(depth)
        product.a = UnsafeRawPointer(rows.pointer)
        product.packed = UnsafeRawPointer(packed.pointer)
        product.scratch = scratch.pointer
    }

    /// Packs the B of the next products.
    ///
    /// - Parameters:
    ///   - columns: N.
    ///   - stride: the distance between B's rows in floats.
    func pack(_ b: UnsafePointer<Float>, columns: Int, stride: Int) {
        PackedMatrix.Source.rows.pack(b, depth: depth, columns: columns, stride: stride, to: packed.pointer)
        product.columns = Int64(columns)
    }

    /// Computes C[i] = A[ids[i]] · B for each row i.
    ///
    /// - Parameters:
    ///   - a: [*, K] without gaps.
    ///   - stride: the distance between C's rows in floats.
    func callAsFunction(
        _ ids: UnsafeBufferPointer<UInt16>, of a: UnsafePointer<Float>, to c: UnsafeMutablePointer<Float>, stride: Int
    ) {
        product.c_stride = Int64(stride)
        for first in Swift.stride(from: 0, to: ids.count, by: Self.maxRows) {
            let count = min(Self.maxRows, ids.count - first)
            for row in 0..<count {
                (rows.pointer + row * depth).update(from: a + Int(ids[first + row]) * depth, count: depth)
            }
            product.rows = Int64(count)
            product.c = c + first * stride
            dtrain_packed_product_fp32(product)
        }
    }
}
