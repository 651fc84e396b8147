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
