import CKernels
import Glibc

/// An instruction set that the loops and products are compiled for.
///
/// The cases are in ascending order. Each but the emulation includes those before it.
///
/// In float32 all sets compute the same bits, on any CPU with fused multiply-add.
package enum InstructionSet: String, Hashable, Sendable, CaseIterable {
    /// The baseline of the architecture, with fused multiply-add if the CPU has it.
    case generic
    /// AVX2 and FMA.
    case avx2
    /// AVX-512.
    case avx512
    /// AVX-512 with products of bf16 pairs (VDPBF16PS).
    case avx512BF16 = "avx512_bf16"
    /// AVX-512 with products of bf16 pairs and of bf16 tiles (TDPBF16PS).
    case amx
    /// The CPU's best set with an emulation of AMX's products, which gives their bits on any CPU.
    /// For tests; never chosen unless named.
    case amxEmulated = "amx-emulated"

    /// The environment variable that limits the set.
    package static let limitVariable = "DTRAIN_MAX_ISA"

    /// The variable's value that selects generic loops without fused multiply-add, on x86-64; for
    /// tests.
    package static let withoutFMA = "plain"

    private static let chosen = Result { try choose(limit: limit) }

    private static var limit: String? { getenv(limitVariable).map { String(cString: $0) } }

    /// Returns the set that this process computes with: the CPU's best, or the one that
    /// `DTRAIN_MAX_ISA` names.
    ///
    /// - Throws: `DTrainError` with `usage` if the variable names a set that doesn't exist or that
    ///   this CPU lacks.
    package static func inUse() throws -> InstructionSet { try chosen.get() }

    /// Whether the loops fuse multiplications with additions.
    ///
    /// A run without fused multiply-add has different bits.
    package static var hasFusedMultiplyAdd: Bool { dtrain_isa_in_use() != DTRAIN_ISA_PLAIN }

    /// The sets that this CPU supports, without the emulation.
    package static var available: [InstructionSet] { allCases.filter(best.includes) }

    /// Whether the CPU has AMX but the kernel refuses it to this process.
    static var refusesAMX: Bool { dtrain_best_isa() == DTRAIN_ISA_AMX && !allowsAMX }

    /// Returns whether this process would compute with AMX if the kernel allowed it.
    ///
    /// - Throws: `DTrainError` with `usage` as `inUse` does.
    package static func lacksPermission() throws -> Bool {
        try refusesAMX && inUse() == best && (limit ?? "").isEmpty
    }

    /// Whether the CPU has AMX and the kernel allows it; requested once for all threads of the
    /// process.
    private static let allowsAMX = dtrain_best_isa() == DTRAIN_ISA_AMX && dtrain_request_amx() != 0

    /// The best set of this CPU.
    static var best: InstructionSet {
        switch dtrain_best_isa() {
        case DTRAIN_ISA_AMX: allowsAMX ? .amx : .avx512BF16
        case DTRAIN_ISA_AVX512_BF16: .avx512BF16
        case DTRAIN_ISA_AVX512: .avx512
        case DTRAIN_ISA_AVX2: .avx2
        default: .generic
        }
    }

    /// Returns whether this set includes another.
    func includes(_ other: InstructionSet) -> Bool {
        if self == other { return true }
        let instructions = self == .amxEmulated ? Self.best : self
        return other != .amxEmulated && instructions.rank >= other.rank
    }

    /// Whether bf16 operands are multiplied in tiles.
    var hasTiles: Bool { self == .amx || self == .amxEmulated }

    /// Returns the set to compute with.
    ///
    /// - Parameters:
    ///   - limit: the name of a set, or nil for the CPU's best.
    ///   - best: the CPU's best set.
    ///   - refusesAMX: whether the kernel refuses AMX, which would be the CPU's best set.
    static func choice(
        limit: String?, best: InstructionSet = .best, refusesAMX: Bool = refusesAMX
    ) throws -> InstructionSet {
        guard let limit, !limit.isEmpty else { return best }
        guard let set = InstructionSet(rawValue: limit) else {
            throw DTrainError(
                .usage, "\(limitVariable) '\(limit)' is not an instruction set",
                hint: "give one of \(allCases.map(\.rawValue).joined(separator: ", "))")
        }
        guard set == .amxEmulated || best.includes(set) else {
            throw DTrainError(
                .usage,
                set == .amx && refusesAMX
                    ? "\(limitVariable) is \(limit), but the kernel refuses AMX to this process"
                    : "\(limitVariable) is \(limit), but this CPU has \(best.rawValue) at most",
                hint: "unset it, or give \(best.rawValue)")
        }
        return set
    }

    private static func choose(limit: String?) throws -> InstructionSet {
        #if arch(x86_64)
            if limit == withoutFMA {
                dtrain_use_isa(DTRAIN_ISA_PLAIN)
                return .generic
            }
        #endif
        let set = try choice(limit: limit)
        let best = dtrain_best_isa()
        // Without fused multiply-add the generic loops are the plain ones.
        let loops = set.loops
        dtrain_use_isa(loops.rawValue < best.rawValue ? loops : best)
        return set
    }

    /// The C loops of this set; the emulation uses the CPU's best, as AMX does.
    private var loops: dtrain_isa {
        switch self {
        case .generic: DTRAIN_ISA_GENERIC
        case .avx2: DTRAIN_ISA_AVX2
        case .avx512: DTRAIN_ISA_AVX512
        case .avx512BF16: DTRAIN_ISA_AVX512_BF16
        case .amx, .amxEmulated: DTRAIN_ISA_AMX
        }
    }

    private var rank: Int { Self.allCases.firstIndex(of: self) ?? 0 }
}
