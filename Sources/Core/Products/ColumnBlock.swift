import CKernels

/// C = A · B for a block of columns of a plain float32 matrix B, for one worker: the block is packed once and multiplied with many
/// blocks of rows.
///
/// Every sum runs in the order of the depth, so its bits don't depend on how the matrices are cut.
final class ColumnBlock {
    /// The most columns of a block.
    static let mostColumns = DTRAIN_BLOCK_COLUMNS
    /// The most rows of A at a time: their copies stay in the cache.
    static let mostRows = 128

    /// [steps][columns of a block].
    private let packed: AlignedBuffer<Float>
    private let scratch: AlignedBuffer<Float>
    private var columns = 0

    /// Allocates a block.
    ///
    /// - Parameter mostDepth: the most rows of B.
    /// - Throws: `DTrainError` with `internal` when memory runs out.
    init(mostDepth: Int) throws {
        packed = try AlignedBuffer(count: BlockPacking.words(columns: Self.mostColumns, steps: mostDepth))
        scratch = try AlignedBuffer(count: Int(dtrain_packed_product_scratch(Int64(Self.mostRows))))
    }

    /// Takes B[depth, columns].
    ///
    /// - Parameters:
    ///   - matrix: the block or its transpose, as `source` says.
    ///   - stride: the distance of the matrix's rows in floats.
    func pack(
        _ matrix: UnsafePointer<Float>, _ source: PackedMatrix.Source, depth: Int, columns: Int, stride: Int
    ) {
        precondition(columns <= Self.mostColumns, "a block has at most \(Self.mostColumns) columns")
        self.columns = columns
        source.pack(matrix, depth: depth, columns: columns, stride: stride, to: packed.pointer)
    }

    /// Multiplies A[rows, depth], without gaps, with the block's first `depth` rows.
    ///
    /// - Parameters:
    ///   - rows: at most `mostRows`.
    ///   - c: receives the product.
    ///   - stride: the distance of C's rows in floats.
    func multiply(_ a: UnsafePointer<Float>, rows: Int, depth: Int, to c: UnsafeMutablePointer<Float>, stride: Int) {
        precondition(rows <= Self.mostRows, "at most \(Self.mostRows) rows at a time")
        var product = dtrain_packed_product()
        product.rows = Int64(rows)
        product.columns = Int64(columns)
        product.groups = 1
        product.depth = Int64(depth)
        product.a = UnsafeRawPointer(a)
        product.packed = UnsafeRawPointer(packed.pointer)
        product.c = c
        product.c_stride = Int64(stride)
        product.scratch = scratch.pointer
        dtrain_packed_product_fp32(product)
    }
}
