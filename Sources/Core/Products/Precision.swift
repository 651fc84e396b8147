/// The number format of the big products' operands; all else is always float32.
///
/// That is: sums, gates, the loss, gradients, weights and moments.
public enum Precision: String, Hashable, Sendable, Codable, CaseIterable {
    /// IEEE single precision.
    case fp32
    /// Brain floating point: float32 rounded to 8 significant bits, ties to even.
    case bf16

    /// Throws if this machine's CPU has no instructions for the format.
    ///
    /// - Throws: `DTrainError` with `usage`.
    public func requireSupport() throws {
        guard self == .fp32 || OperandFormat.bf16.isSupported else {
            throw DTrainError(
                .usage, "this CPU has no bf16 instructions (AVX512_BF16)", hint: "use `precision` fp32 here")
        }
    }
}
