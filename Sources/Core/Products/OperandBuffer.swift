import CKernels

/// A float32 operand matrix of products, with a copy in the products' format if that is rounded.
struct OperandBuffer {
    /// The float32 matrix: [rows, columns] without gaps.
    let values: AlignedBuffer<Float>
    /// Keeps the copy's memory alive.
    private let owner: AnyObject?
    /// The addresses of both, valid as long as this buffer.
    let pointers: OperandPointers

    /// Allocates a matrix of zeros.
    ///
    /// - Throws: `DTrainError` with `internal` if memory runs out.
    init(rows: Int, columns: Int, format: OperandFormat) throws {
        let count = rows * columns
        values = try AlignedBuffer(count: count)
        let copy: OperandPointers.Copy
        switch format {
        case .fp32: (copy, owner) = (.none, nil)
        case .bf16:
            let rounded = try AlignedBuffer<UInt16>(count: count)
            (copy, owner) = (.bf16(rounded.pointer), rounded)
        case .bf16Tiles:
            let bytes = format.bytes(rows: rows, depth: columns)
            let tiles = try AlignedBuffer<UInt16>(count: bytes / MemoryLayout<UInt16>.stride)
            (copy, owner) = (
                .tiles(UnsafeRawPointer(tiles.pointer), TiledRows(tiles.pointer, rows: rows, depth: columns)), tiles
            )
        case .roundedFP32, .expandedBF16:
            let rounded = try AlignedBuffer<Float>(count: count)
            (copy, owner) = (.fp32(rounded.pointer), rounded)
        }
        pointers = OperandPointers(pointer: values.pointer, columns: columns, copy: copy)
    }

    var pointer: UnsafeMutablePointer<Float> { values.pointer }

    /// The matrix in the products' format.
    var bytes: UnsafeRawPointer { pointers.bytes }

    /// Updates the rounded copy of a row's elements; workers may update different elements at the
    /// same time.
    func round(row: Int, columns part: Range<Int>) { pointers.round(row: row, columns: part) }
}

/// The addresses of an operand.
///
/// Plain addresses need no reference counting. All members of a team would write to the counters at
/// every time step.
struct OperandPointers {
    /// The rounded copy.
    fileprivate enum Copy {
        case none
        case bf16(UnsafeMutablePointer<UInt16>)
        case tiles(UnsafeRawPointer, TiledRows)
        case fp32(UnsafeMutablePointer<Float>)
    }

    /// The float32 matrix.
    let pointer: UnsafeMutablePointer<Float>
    fileprivate let columns: Int
    fileprivate let copy: Copy

    /// The matrix in the buffer's format.
    var bytes: UnsafeRawPointer {
        switch copy {
        case .none: UnsafeRawPointer(pointer)
        case .bf16(let rounded): UnsafeRawPointer(rounded)
        case .tiles(let tiles, _): tiles
        case .fp32(let rounded): UnsafeRawPointer(rounded)
        }
    }

    /// Updates the rounded copy of a row's elements.
    func round(row: Int, columns part: Range<Int>) {
        let (first, count) = (row * columns + part.lowerBound, Int64(part.count))
        switch copy {
        case .none: break
        case .bf16(let rounded): dtrain_to_bf16(count, pointer + first, rounded + first)
        case .tiles(_, let tiles): tiles.store(pointer + first, row: row, columns: part)
        case .fp32(let rounded): dtrain_round_to_bf16(count, pointer + first, rounded + first)
        }
    }
}
