import CKernels

/// A matrix of float32 that is an operand of products: with bf16 products it has a rounded copy, which they read.
struct OperandBuffer {
    /// The matrix itself.
    let values: AlignedBuffer<Float>
    private let rounded: AlignedBuffer<UInt16>?

    init(count: Int, precision: Precision) throws {
        values = try AlignedBuffer(count: count)
        rounded = precision == .bf16 ? try AlignedBuffer(count: count) : nil
    }

    var pointer: UnsafeMutablePointer<Float> { values.pointer }

    /// What a product of this precision is given.
    var bytes: UnsafeRawPointer { rounded.map { UnsafeRawPointer($0.pointer) } ?? UnsafeRawPointer(values.pointer) }

    /// Brings the copy of some elements up to date.
    func round(from first: Int, count: Int) {
        if let rounded { dtrain_to_bf16(Int64(count), values.pointer + first, rounded.pointer + first) }
    }

    /// Makes all elements zero.
    func clear() {
        values.elements.update(repeating: 0)
        rounded?.elements.update(repeating: 0)
    }
}
