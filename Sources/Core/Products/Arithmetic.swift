import CKernels

/// How a training multiplies and adds, as far as its bits show it.
///
/// Those of one precision are declared in ascending order. The raw values are what checkpoints keep.
public enum Arithmetic: String, Hashable, Sendable, CaseIterable {
    /// float32 on a CPU without fused multiply-add.
    case fp32WithoutFMA = "fp32 without fma"
    /// float32: the same bits on any CPU with fused multiply-add.
    case fp32
    /// Operands rounded to bf16 and multiplied in float32, on a CPU without fused multiply-add.
    case roundedBF16WithoutFMA = "bf16 rounded without fma"
    /// Operands rounded to bf16 and multiplied in float32.
    case roundedBF16 = "bf16 rounded"
    /// Pairs of bf16 operands, multiplied by VDPBF16PS.
    case pairedBF16 = "bf16 vdpbf16ps"
    /// Tiles of bf16 operands, multiplied by TDPBF16PS or its emulation.
    case tiledBF16 = "bf16 tdpbf16ps"

    /// The precision that it is a way of.
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

    /// Whether bf16 operands are multiplied as float32 numbers.
    package var roundsOperands: Bool { operands == .roundedFP32 }

    /// The format of the big products' operands.
    var operands: OperandFormat {
        switch self {
        case .fp32WithoutFMA, .fp32: .fp32
        case .roundedBF16WithoutFMA, .roundedBF16: .roundedFP32
        case .pairedBF16: .bf16
        case .tiledBF16: .bf16Tiles
        }
    }

    /// The arithmetic that this process would choose alone.
    ///
    /// - Throws: `DTrainError` with `usage` as `InstructionSet.inUse` does.
    package static func best(for precision: Precision) throws -> Arithmetic {
        guard let best = try offers(for: precision).last else {
            throw DTrainError(.internal, "there is no arithmetic for \(precision); please report this")
        }
        return best
    }

    /// Everything that this process can compute with, in ascending order.
    ///
    /// Pairs count where they are faster than float32.
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

    /// The best arithmetic that all of several CPUs offer; nil if there is none.
    package static func common(_ offers: [[Arithmetic]]) -> Arithmetic? {
        guard !offers.isEmpty else { return nil }
        return allCases.last { way in offers.allSatisfy { $0.contains(way) } }
    }

    /// Gives up fused multiply-add where the arithmetic has none, in the whole process and for good.
    ///
    /// Only a CPU that has more than those of other ranks changes its loops, none of which may be running.
    func settle() {
        guard !isFused, InstructionSet.hasFusedMultiplyAdd else { return }
        dtrain_use_isa(DTRAIN_ISA_PLAIN)
    }
}
