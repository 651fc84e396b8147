import CKernels

/// A layout of weights in column blocks: [column blocks][steps, padded to whole blocks][columns of
/// a block].
struct BlockPacking: WeightPacking {
    /// Packs B[depth, columns] or its transpose, with rows `stride` floats apart, into `words`
    /// words of memory.
    typealias Pack = (
        _ weights: UnsafePointer<Float>, _ columns: Int, _ stride: Int, _ packed: UnsafeMutableRawPointer, _ words: Int
    ) -> Void

    /// The number of columns of a block.
    static let blockColumns = DTRAIN_BLOCK_COLUMNS

    let words: Int
    private let depth: Int
    private let columns: Int
    private let steps: Int
    private let source: PackedMatrix.Source
    private let rowBytes: Int
    private let loops: BlockProduct.Loops
    private let pack: Pack

    /// Creates a packing of B[depth, columns].
    ///
    /// - Parameters:
    ///   - steps: the words per column of B.
    ///   - rowBytes: the bytes per row of A.
    ///   - loops: the CKernels function that multiplies.
    init(
        depth: Int, columns: Int, steps: Int, source: PackedMatrix.Source, rowBytes: Int,
        loops: @escaping BlockProduct.Loops, pack: @escaping Pack
    ) {
        words = Self.words(columns: columns, steps: steps)
        (self.depth, self.columns, self.steps, self.rowBytes) = (depth, columns, steps, rowBytes)
        (self.source, self.loops, self.pack) = (source, loops, pack)
    }

    /// Creates a packing of B[depth, columns] as pairs of bf16.
    init(
        pairsOf depth: Int, columns: Int, source: PackedMatrix.Source, rowBytes: Int,
        loops: @escaping BlockProduct.Loops
    ) {
        self.init(
            depth: depth, columns: columns, steps: depth.groups(of: 2), source: source, rowBytes: rowBytes, loops: loops
        ) { weights, columns, stride, packed, words in
            let pairs = packed.bindMemory(to: UInt32.self, capacity: words)
            switch source {
            case .rows: dtrain_pack_bf16_pairs(Int64(depth), Int64(columns), weights, Int64(stride), pairs)
            case .transposed:
                dtrain_pack_transposed_bf16_pairs(Int64(depth), Int64(columns), weights, Int64(stride), pairs)
            }
        }
    }

    /// Returns the number of words of packed columns with `steps` steps each.
    static func words(columns: Int, steps: Int) -> Int {
        let columnBlocks = columns.groups(of: DTRAIN_BLOCK_COLUMNS)
        let blocks = columnBlocks * steps.groups(of: DTRAIN_BLOCK_STEPS)
        return blocks * DTRAIN_BLOCK_STEPS * DTRAIN_BLOCK_COLUMNS
    }

    func pack(_ weights: UnsafePointer<Float>, columns part: Range<Int>, to packed: UnsafeMutableRawPointer) {
        let (before, stride) = (words(before: part.lowerBound), source == .rows ? columns : depth)
        pack(
            weights + part.lowerBound * (source == .rows ? 1 : stride), part.count, stride,
            packed + before * MemoryLayout<UInt32>.stride, Self.words(columns: part.count, steps: steps))
    }

    func product(rows: Int, columns: ColumnGroups?, accumulate: Bool) throws -> any WeightProduct {
        try BlockProduct(
            rows: rows, depth: depth, rowBytes: rowBytes, columns: columns ?? ColumnGroups(first: 0..<self.columns),
            resultStride: self.columns, accumulate: accumulate, loops: loops)
    }

    func product(rows: Int, width: Int) throws -> any WeightProduct {
        try BlockProduct(
            rows: rows, depth: depth, rowBytes: rowBytes, columns: ColumnGroups(first: 0..<width),
            resultStride: width, loops: loops)
    }

    func words(before column: Int) -> Int { Self.words(columns: column, steps: steps) }
}

extension PackedMatrix.Source {
    /// Packs a float32 matrix B[depth, columns] in column blocks.
    ///
    /// - Parameters:
    ///   - matrix: B or its transpose.
    ///   - stride: the distance between its rows in floats; nil if there are no gaps.
    func pack(
        _ matrix: UnsafePointer<Float>, depth: Int, columns: Int, stride: Int? = nil,
        to packed: UnsafeMutablePointer<Float>
    ) {
        switch self {
        case .rows: dtrain_pack(Int64(depth), Int64(columns), matrix, Int64(stride ?? columns), packed)
        case .transposed: dtrain_pack_transposed(Int64(depth), Int64(columns), matrix, Int64(stride ?? depth), packed)
        }
    }
}
