import CKernels

/// A float32 matrix that is an operand of products, with a copy in their format if it is rounded.
struct OperandBuffer {
    private enum Copy {
        case none
        case bf16(AlignedBuffer<UInt16>)
        case tiles(AlignedBuffer<UInt16>, TiledRows)
        case fp32(AlignedBuffer<Float>)
    }

    /// The matrix itself: [rows, columns] without gaps.
    let values: AlignedBuffer<Float>
    private let columns: Int
    private let copy: Copy

    /// Allocates a matrix of zeros.
    ///
    /// - Throws: `DTrainError` with `internal` when memory runs out.
    init(rows: Int, columns: Int, format: OperandFormat) throws {
        let count = rows * columns
        self.columns = columns
        values = try AlignedBuffer(count: count)
        switch format {
        case .fp32: copy = .none
        case .bf16: copy = .bf16(try AlignedBuffer(count: count))
        case .bf16Tiles:
            let bytes = format.bytes(rows: rows, depth: columns)
            let tiles = try AlignedBuffer<UInt16>(count: bytes / MemoryLayout<UInt16>.stride)
            copy = .tiles(tiles, TiledRows(tiles.pointer, rows: rows, depth: columns))
        case .roundedFP32, .expandedBF16: copy = .fp32(try AlignedBuffer(count: count))
        }
    }

    var pointer: UnsafeMutablePointer<Float> { values.pointer }

    /// The operand of products in this format.
    var bytes: UnsafeRawPointer {
        switch copy {
        case .none: UnsafeRawPointer(values.pointer)
        case .bf16(let rounded), .tiles(let rounded, _): UnsafeRawPointer(rounded.pointer)
        case .fp32(let rounded): UnsafeRawPointer(rounded.pointer)
        }
    }

    /// Updates the rounded copy of a row's elements; workers may do so for other elements at the same time.
    func round(row: Int, columns part: Range<Int>) {
        let (first, count) = (row * columns + part.lowerBound, Int64(part.count))
        switch copy {
        case .none: break
        case .bf16(let rounded): dtrain_to_bf16(count, values.pointer + first, rounded.pointer + first)
        case .tiles(_, let tiles): tiles.store(values.pointer + first, row: row, columns: part)
        case .fp32(let rounded): dtrain_round_to_bf16(count, values.pointer + first, rounded.pointer + first)
        }
    }

    /// Sets all elements to zero.
    func clear() {
        values.elements.update(repeating: 0)
        switch copy {
        case .none: break
        case .bf16(let rounded), .tiles(let rounded, _): rounded.elements.update(repeating: 0)
        case .fp32(let rounded): rounded.elements.update(repeating: 0)
        }
    }
}
