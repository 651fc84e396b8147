import CKernels

/// The product C = A · B for a block of columns of a float32 matrix B, for one worker.
///
/// The block is packed once and multiplied by many blocks of rows.
///
/// Every sum runs in the order of the depth, so its bits don't depend on how the matrices are
/// divided.
final class ColumnBlock {
    /// The most columns of a block.
    static let maxColumns = DTRAIN_BLOCK_COLUMNS
    /// The most rows of A per call; their copies stay in the cache.
    static let maxRows = 128

    /// [steps][columns of a block].
    private let packed: AlignedBuffer<Float>
    private let scratch: AlignedBuffer<Float>
    private var columns = 0

    /// Allocates a block.
    ///
    /// - Parameter maxDepth: the most rows of B.
    /// - Throws: `DTrainError` with `internal` if memory runs out.
    init(maxDepth: Int) throws {
        packed = try AlignedBuffer(count: BlockPacking.words(columns: Self.maxColumns, steps: maxDepth))
        scratch = try AlignedBuffer(count: Int(dtrain_packed_product_scratch(Int64(Self.maxRows))))
    }

    /// Packs B[depth, columns].
    ///
    /// - Parameters:
    ///   - matrix: the block or its transpose.
    ///   - source: which of them `matrix` is.
    ///   - stride: the distance between the matrix's rows in floats.
    func pack(
        _ matrix: UnsafePointer<Float>, _ source: PackedMatrix.Source, depth: Int, columns: Int, stride: Int
    ) {
        precondition(columns <= Self.maxColumns, "a block has at most \(Self.maxColumns) columns")
        self.columns = columns
        source.pack(matrix, depth: depth, columns: columns, stride: stride, to: packed.pointer)
    }

    /// Multiplies A[rows, depth], without gaps, by the block's first `depth` rows.
    ///
    /// - Parameters:
    ///   - rows: at most `maxRows`.
    ///   - c: receives the product.
    ///   - stride: the distance between C's rows in floats.
    func multiply(_ a: UnsafePointer<Float>, rows: Int, depth: Int, to c: UnsafeMutablePointer<Float>, stride: Int) {
        precondition(rows <= Self.maxRows, "at most \(Self.maxRows) rows at a time")
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
