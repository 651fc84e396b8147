/// The number format of the big products' operands; all else is always float32.
///
/// That is: sums, gates, the loss, gradients, weights and moments.
public enum Precision: String, Hashable, Sendable, Codable, CaseIterable {
    /// IEEE single precision.
    case fp32
    /// Brain floating point: float32 rounded to 8 significant bits, ties to even.
    case bf16
}
