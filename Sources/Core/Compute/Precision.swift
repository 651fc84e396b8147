/// The number format of the operands of the big products; sums, gates, loss, gradients and weights are always float32.
public enum Precision: String, Hashable, Sendable, Codable, CaseIterable {
    case fp32
}
