import CKernels

/// hᵀ of a layer, [H][states] a micro-batch, in the format of the weight gradient's products.
struct TransposedHidden {
    private enum Storage {
        case fp32(AlignedBuffer<Float>)
        case bf16(AlignedBuffer<UInt16>)
    }

    private let storage: Storage

    init(count: Int, precision: Precision) throws {
        storage =
            switch precision {
            case .fp32: .fp32(try AlignedBuffer(count: count))
            case .bf16: .bf16(try AlignedBuffer(count: count))
            }
    }

    /// Fills in a micro-batch from its states.
    ///
    /// - Parameters:
    ///   - hidden: [states][units].
    ///   - offset: where the micro-batch starts, in elements.
    func transpose(_ hidden: UnsafePointer<Float>, states: Int, units: Int, offset: Int) {
        switch storage {
        case .fp32(let buffer):
            dtrain_transpose(Int64(states), Int64(units), hidden, Int64(states), buffer.pointer + offset)
        case .bf16(let buffer):
            dtrain_transpose_to_bf16(Int64(states), Int64(units), hidden, Int64(states), buffer.pointer + offset)
        }
    }

    /// The operand that starts at an element.
    func bytes(from offset: Int) -> UnsafeRawPointer {
        switch storage {
        case .fp32(let buffer): UnsafeRawPointer(buffer.pointer + offset)
        case .bf16(let buffer): UnsafeRawPointer(buffer.pointer + offset)
        }
    }
}
