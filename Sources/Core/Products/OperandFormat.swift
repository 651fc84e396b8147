import CKernels

/// The number format of the matrix products' operands; every product sums in float32.
enum OperandFormat: Hashable, Sendable, CaseIterable {
    /// float32.
    case fp32
    /// bf16, for CPUs that multiply it faster than float32.
    case bf16
    /// bf16 in tiles, for CPUs with AMX.
    case bf16Tiles
    /// float32 numbers rounded to bf16, for CPUs that don't multiply bf16, or do so slower than
    /// float32.
    case roundedFP32
    /// Weights in bf16 that a product expands to float32, with rows of A in float32 rounded to
    /// bf16.
    ///
    /// The bits equal those of `roundedFP32`, with half the bytes of weights. For inference only:
    /// this format has no sums over tokens.
    case expandedBF16
}

/// The operand A[rows, depth] of products.
extension OperandFormat {
    /// Returns the bytes per row; for tiles, a row's share of its band of `DTRAIN_TILE_ROWS` rows.
    func rowBytes(depth: Int) -> Int {
        switch self {
        case .fp32, .roundedFP32, .expandedBF16: depth * MemoryLayout<Float>.stride
        case .bf16: depth * MemoryLayout<UInt16>.stride
        case .bf16Tiles: depth.groups(of: DTRAIN_TILE_DEPTH) * DTRAIN_TILE_DEPTH * MemoryLayout<UInt16>.stride
        }
    }

    /// Returns the bytes of all rows, padded to whole tiles.
    func bytes(rows: Int, depth: Int) -> Int {
        let stored = self == .bf16Tiles ? rows.groups(of: DTRAIN_TILE_ROWS) * DTRAIN_TILE_ROWS : rows
        return stored * rowBytes(depth: depth)
    }

    /// Stores a matrix in this format.
    ///
    /// - Parameter operand: zeroed memory of `bytes(rows:depth:)` bytes; the padding stays zero.
    func store(_ values: UnsafePointer<Float>, rows: Int, depth: Int, to operand: UnsafeMutableRawPointer) {
        let count = rows * depth
        switch self {
        case .fp32: operand.copyMemory(from: values, byteCount: count * MemoryLayout<Float>.stride)
        case .bf16: dtrain_to_bf16(Int64(count), values, operand.bindMemory(to: UInt16.self, capacity: count))
        case .bf16Tiles:
            let tiles = TiledRows(operand, rows: rows, depth: depth)
            for row in 0..<rows { tiles.store(values + row * depth, row: row, columns: 0..<depth) }
        case .roundedFP32, .expandedBF16:
            dtrain_round_to_bf16(Int64(count), values, operand.bindMemory(to: Float.self, capacity: count))
        }
    }
}

/// A bf16 matrix in tiles: [rows / 16][depth / 32][16][32].
struct TiledRows {
    private let elements: UnsafeMutablePointer<UInt16>
    /// The elements of a band of rows.
    private let band: Int

    init(_ operand: UnsafeMutableRawPointer, rows: Int, depth: Int) {
        let format = OperandFormat.bf16Tiles
        band = DTRAIN_TILE_ROWS * format.rowBytes(depth: depth) / MemoryLayout<UInt16>.stride
        elements = operand.bindMemory(
            to: UInt16.self, capacity: format.bytes(rows: rows, depth: depth) / MemoryLayout<UInt16>.stride)
    }

    /// Rounds some of a row's elements; `values` is the first of them.
    func store(_ values: UnsafePointer<Float>, row: Int, columns: Range<Int>) {
        let place = row / DTRAIN_TILE_ROWS * band + row % DTRAIN_TILE_ROWS * DTRAIN_TILE_DEPTH
        dtrain_to_bf16_tiles(Int64(columns.lowerBound), Int64(columns.count), values, elements + place)
    }
}
