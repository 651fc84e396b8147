import CKernels

/// How a training multiplies and adds, as far as its bits show it.
///
/// A CPU that offers an arithmetic has the lower ones of the same precision, too; those are declared in ascending order. The raw
/// values are what checkpoints keep.
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

    /// The precision that it is a way of.
    public var precision: Precision {
        switch self {
        case .fp32WithoutFMA, .fp32: .fp32
        case .roundedBF16WithoutFMA, .roundedBF16, .pairedBF16: .bf16
        }
    }

    /// Whether multiplications are fused with additions.
    public var isFused: Bool {
        switch self {
        case .fp32WithoutFMA, .roundedBF16WithoutFMA: false
        case .fp32, .roundedBF16, .pairedBF16: true
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
        }
    }

    /// The arithmetic that this process would choose alone.
    ///
    /// bf16 instructions count only where they are faster than those of float32.
    ///
    /// - Throws: `DTrainError` with `usage` as `InstructionSet.inUse` does.
    package static func best(for precision: Precision) throws -> Arithmetic {
        let hasPairs = try OperandFormat.bf16.isSupported() && dtrain_has_slow_bf16() == 0
        return switch (precision, InstructionSet.hasFusedMultiplyAdd) {
        case (.fp32, true): .fp32
        case (.fp32, false): .fp32WithoutFMA
        case (.bf16, true): hasPairs ? .pairedBF16 : .roundedBF16
        case (.bf16, false): .roundedBF16WithoutFMA
        }
    }

    /// The arithmetic that all of several CPUs have; nil if they are none, or of different precisions.
    package static func common(_ offers: [Arithmetic]) -> Arithmetic? {
        guard Set(offers.map(\.precision)).count == 1 else { return nil }
        return allCases.first(where: offers.contains)
    }

    /// Gives up fused multiply-add where the arithmetic has none, in the whole process and for good.
    ///
    /// Only a CPU that has more than those of other ranks changes its loops, none of which may be running.
    func settle() {
        guard !isFused, InstructionSet.hasFusedMultiplyAdd else { return }
        dtrain_use_isa(DTRAIN_ISA_PLAIN)
    }
}
