import CKernels

/// The number format of the operands of the big products; every product sums in float32.
enum OperandFormat: Hashable, Sendable, CaseIterable {
    /// float32.
    case fp32
    /// bf16, for CPUs that multiply it faster than float32.
    case bf16
    /// float32 numbers rounded to bf16, for CPUs that don't multiply bf16, or slower than float32.
    case roundedFP32
    /// Weights in bf16 that a product expands to float32, and rows of float32 rounded to bf16.
    ///
    /// The bits are those of `roundedFP32` with half the bytes of weights. For models that are only
    /// read: there are no sums over tokens in this format.
    case expandedBF16

    /// The bytes of an element of a product's rows A.
    var bytes: Int { self == .bf16 ? 2 : 4 }
}

extension OperandFormat {
    /// Stores numbers as the rows of products read them.
    func store(_ values: UnsafePointer<Float>, count: Int, to rows: UnsafeMutableRawPointer) {
        switch self {
        case .fp32: rows.copyMemory(from: values, byteCount: count * bytes)
        case .bf16: dtrain_to_bf16(Int64(count), values, rows.bindMemory(to: UInt16.self, capacity: count))
        case .roundedFP32, .expandedBF16:
            dtrain_round_to_bf16(Int64(count), values, rows.bindMemory(to: Float.self, capacity: count))
        }
    }
}
