import CKernels

/// The way a training run multiplies and adds, as far as it affects the bits of the result.
///
/// The cases of one precision are declared in ascending order. Checkpoints store the raw values.
public enum Arithmetic: String, Hashable, Sendable, CaseIterable {
    /// float32 on a CPU without fused multiply-add.
    case fp32WithoutFMA = "fp32 without fma"
    /// float32, with the same bits on any CPU with fused multiply-add.
    case fp32
    /// Operands rounded to bf16 and multiplied in float32, on a CPU without fused multiply-add.
    case roundedBF16WithoutFMA = "bf16 rounded without fma"
    /// Operands rounded to bf16 and multiplied in float32.
    case roundedBF16 = "bf16 rounded"
    /// Pairs of bf16 operands, multiplied by VDPBF16PS.
    case pairedBF16 = "bf16 vdpbf16ps"
    /// Tiles of bf16 operands, multiplied by TDPBF16PS or its emulation.
    case tiledBF16 = "bf16 tdpbf16ps"

    /// The precision of the operands.
    public var precision: Precision {
        switch self {
        case .fp32WithoutFMA, .fp32: .fp32
        case .roundedBF16WithoutFMA, .roundedBF16, .pairedBF16, .tiledBF16: .bf16
        }
    }

    /// Whether multiplications are fused with additions.
    public var isFused: Bool {
        switch self {
        case .fp32WithoutFMA, .roundedBF16WithoutFMA: false
        case .fp32, .roundedBF16, .pairedBF16, .tiledBF16: true
        }
    }

    /// Whether operands are rounded to bf16 and multiplied as float32 numbers.
    package var roundsOperands: Bool { operands == .roundedFP32 }

    /// The operand format of the matrix products.
    var operands: OperandFormat {
        switch self {
        case .fp32WithoutFMA, .fp32: .fp32
        case .roundedBF16WithoutFMA, .roundedBF16: .roundedFP32
        case .pairedBF16: .bf16
        case .tiledBF16: .bf16Tiles
        }
    }

    /// Returns the best arithmetic of this process for a precision.
    ///
    /// - Throws: `DTrainError` with `usage` as `InstructionSet.inUse` does.
    package static func best(for precision: Precision) throws -> Arithmetic {
        guard let best = try offers(for: precision).last else {
            throw DTrainError(.internal, "there is no arithmetic for \(precision); please report this")
        }
        return best
    }

    /// Returns the arithmetics that this process supports for a precision, in ascending order.
    ///
    /// Pairs are included only if the CPU multiplies them faster than float32.
    ///
    /// - Throws: `DTrainError` with `usage` as `InstructionSet.inUse` does.
    package static func offers(for precision: Precision) throws -> [Arithmetic] {
        let hasTiles = try InstructionSet.inUse().hasTiles
        let hasPairs = try OperandFormat.bf16.isSupported() && dtrain_has_slow_bf16() == 0
        return allCases.filter { way in
            guard way.precision == precision, InstructionSet.hasFusedMultiplyAdd || !way.isFused else { return false }
            return switch way {
            case .pairedBF16: hasPairs
            case .tiledBF16: hasTiles
            case .fp32WithoutFMA, .fp32, .roundedBF16WithoutFMA, .roundedBF16: true
            }
        }
    }

    /// Returns the best arithmetic in all of several offers; nil if there is none.
    package static func common(_ offers: [[Arithmetic]]) -> Arithmetic? {
        guard !offers.isEmpty else { return nil }
        return allCases.last { way in offers.allSatisfy { $0.contains(way) } }
    }

    /// Switches the whole process to loops without fused multiply-add if the arithmetic has none.
    ///
    /// The switch can't be undone, and no loop may be running. It affects only a CPU that supports
    /// more than those of other ranks.
    func applyToProcess() {
        guard !isFused, InstructionSet.hasFusedMultiplyAdd else { return }
        dtrain_use_isa(DTRAIN_ISA_PLAIN)
    }
}
