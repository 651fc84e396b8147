import CKernels
import COneDNN

/// How the operands of the big products lie in memory; every product adds up in float32.
enum OperandFormat: Hashable, Sendable, CaseIterable {
    /// float32.
    case fp32
    /// bf16, for CPUs that multiply it faster than float32.
    case bf16
    /// float32 numbers rounded to bf16, for CPUs that multiply bf16 slower than float32.
    case roundedFP32
    /// Weights in bf16 that are expanded to float32 on their way into a product, and numbers rounded to bf16 in float32: the bits of
    /// `roundedFP32` for half the bytes. oneDNN has no such product.
    case expandedBF16

    /// Of the operands of oneDNN's products.
    var dataType: dnnl_data_type_t { isPaired ? dnnl_bf16 : dnnl_f32 }

    /// Whether packed weights are pairs of bf16.
    var isPaired: Bool { self == .bf16 || self == .expandedBF16 }

    /// Of an element of what is multiplied by the weights.
    var bytes: Int { self == .bf16 ? 2 : 4 }

    /// Whether values are rounded on their way into an operand.
    var isRounded: Bool { self != .fp32 }

    /// Whether the loops of CKernels with AVX-512 instructions for this format can run here.
    var hasVectorProducts: Bool {
        #if arch(x86_64)
            let needed = isPaired ? dnnl_cpu_isa_avx512_core_bf16 : dnnl_cpu_isa_avx512_core
            return dnnl_get_effective_cpu_isa().rawValue & needed.rawValue == needed.rawValue
        #else
            // oneDNN gives other instruction sets the same numbers.
            return false
        #endif
    }

    /// The formats that this machine can multiply in any shape.
    static var supported: [OperandFormat] {
        allCases.filter { $0 != .expandedBF16 && (!$0.isPaired || $0.hasVectorProducts) }
    }
}

extension Precision {
    /// Whether the products of this format are no faster here than those of float32, with which they are computed.
    public var isComputedInFP32: Bool { operands == .roundedFP32 }

    /// What the operands are on this CPU; a function of its type alone, since the bits of a training depend on it.
    var operands: OperandFormat {
        switch self {
        case .fp32: .fp32
        case .bf16: dtrain_has_slow_bf16() != 0 ? .roundedFP32 : .bf16
        }
    }
}
