/// Weights B[K, N] in an implementation's layout, packed once per step and read by all workers.
final class PackedMatrix: @unchecked Sendable {
    /// The matrix in memory before packing, row by row without gaps.
    enum Source: Sendable {
        /// B itself: [K, N].
        case rows
        /// Bᵀ: [N, K].
        case transposed
    }

    /// K.
    let depth: Int
    /// N.
    let columns: Int
    private let packing: any WeightPacking
    private let storage: AlignedBuffer<UInt32>

    /// Allocates a packed matrix.
    ///
    /// - Parameters:
    ///   - depth: K.
    ///   - columns: N.
    ///   - source: the float32 matrix that `pack` takes.
    ///   - products: the products that read it.
    ///   - host: memory that the ranks of the host share.
    init(
        depth: Int, columns: Int, source: Source, products: any WeightProducts, host: (any HostMemory)? = nil
    ) throws {
        self.depth = depth
        self.columns = columns
        packing = try products.packing(depth: depth, columns: columns, source: source)
        storage = try AlignedBuffer(count: packing.words, in: host)
    }

    /// The packed weights, operand B of the products made here.
    var bytes: UnsafeRawPointer { UnsafeRawPointer(storage.pointer) }

    /// Returns operand B of products made with `product(rows:width:)`, from a column that starts a
    /// column block.
    func bytes(fromColumn column: Int) -> UnsafeRawPointer {
        UnsafeRawPointer(storage.pointer + packing.words(before: column))
    }

    /// Packs the weights; no product may read them meanwhile.
    func pack(_ weights: UnsafePointer<Float>) { pack(weights, columns: 0..<columns) }

    /// Packs some columns of the weights; threads may pack different ones at the same time.
    ///
    /// - Parameter part: whole column blocks; the last may end with the weights.
    func pack(_ weights: UnsafePointer<Float>, columns part: Range<Int>) {
        packing.pack(weights, columns: part, to: storage.pointer)
    }

    /// Prepares a product of A[rows, K] with these weights, for one worker.
    ///
    /// - Parameters:
    ///   - columns: the columns to compute, in multiples of `DTRAIN_LINE`; nil for
    ///     all.
    ///   - accumulate: whether the product is added to C.
    func product(
        rows: Int, columns: ColumnGroups? = nil, accumulate: Bool = false
    ) throws -> any WeightProduct {
        try packing.product(rows: rows, columns: columns, accumulate: accumulate)
    }

    /// Prepares a product of A[rows, K] with `width` adjacent columns, for one worker; its C is
    /// [rows, width] without gaps.
    func product(rows: Int, width: Int) throws -> any WeightProduct { try packing.product(rows: rows, width: width) }
}
