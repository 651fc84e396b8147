/// The number format of the operands of the big products; sums, gates, loss, gradients and weights are always float32.
public enum Precision: String, Hashable, Sendable, Codable, CaseIterable {
    /// IEEE single precision.
    case fp32
    /// Brain floating point: float32 with the mantissa cut to 8 bits, rounded to nearest even.
    case bf16

    /// Refuses a format that this machine's CPU has no instructions for.
    ///
    /// - Throws: `DTrainError` with `usage`.
    public func requireSupport() throws {
        guard self == .fp32 || OperandFormat.bf16.hasVectorProducts else {
            throw DTrainError(
                .usage, "this CPU has no bf16 instructions (AVX512_BF16)", hint: "use `precision` fp32 here")
        }
    }
}
