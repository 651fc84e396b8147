/// The number format of the matrix products' operands; everything else is float32.
///
/// Sums, gates, the loss, gradients, weights and moments are always float32.
public enum Precision: String, Hashable, Sendable, Codable, CaseIterable {
    /// IEEE single precision.
    case fp32
    /// Brain floating point (bfloat16): float32 rounded to 8 significant bits, ties to even.
    case bf16
}
