import COneDNN

/// The number format of the operands of the big products; sums, gates, loss, gradients and weights are always float32.
public enum Precision: String, Hashable, Sendable, Codable, CaseIterable {
    /// IEEE single precision.
    case fp32
    /// Brain floating point: float32 with the mantissa cut to 8 bits, rounded to nearest even.
    case bf16

    var dataType: dnnl_data_type_t { self == .fp32 ? dnnl_f32 : dnnl_bf16 }

    /// Whether the loops of CKernels with AVX-512 instructions for this format can run here.
    var hasVectorProducts: Bool {
        let needed = self == .fp32 ? dnnl_cpu_isa_avx512_core : dnnl_cpu_isa_avx512_core_bf16
        return dnnl_get_effective_cpu_isa().rawValue & needed.rawValue == needed.rawValue
    }

    /// Refuses a format that this machine's CPU has no instructions for.
    ///
    /// - Throws: `DTrainError` with `usage`.
    public func requireSupport() throws {
        guard self == .fp32 || hasVectorProducts else {
            throw DTrainError(
                .usage, "this CPU has no bf16 instructions (AVX512_BF16); train with --precision fp32 here")
        }
    }
}
