import CKernels
import Glibc

/// The instruction sets that the loops and products are compiled for, in ascending order: each includes those before it, but for the
/// emulation.
///
/// In float32 all of them compute the same bits, on any CPU with fused multiply-add.
package enum InstructionSet: String, Hashable, Sendable, CaseIterable {
    /// What every CPU of the architecture has, with fused multiply-add where the CPU has that.
    case generic
    /// AVX2 and FMA.
    case avx2
    /// AVX-512.
    case avx512
    /// AVX-512 with products of bf16 pairs (VDPBF16PS).
    case avx512BF16 = "avx512_bf16"
    /// The same with products of bf16 tiles (TDPBF16PS).
    case amx
    /// What the CPU has, with an emulation of AMX's products: their bits on any CPU, for tests. Never chosen unless it is named.
    case amxEmulated = "amx-emulated"

    /// The environment variable that caps the sets.
    package static let limitVariable = "DTRAIN_MAX_ISA"

    /// A name for the variable that chooses the generic loops of a CPU without fused multiply-add, on x86-64; for tests.
    package static let withoutFMA = "plain"

    private static let chosen = Result { try choose(limit: limit) }

    private static var limit: String? { getenv(limitVariable).map { String(cString: $0) } }

    /// The set that this process computes with: the CPU's best, or the one that `DTRAIN_MAX_ISA` names.
    ///
    /// - Throws: `DTrainError` with `usage` when the variable names a set that doesn't exist or that this CPU lacks.
    package static func inUse() throws -> InstructionSet { try chosen.get() }

    /// Whether the loops fuse multiplications with additions.
    ///
    /// The bits of a training on a CPU that can't are its own.
    package static var hasFusedMultiplyAdd: Bool { dtrain_isa_in_use() != DTRAIN_ISA_PLAIN }

    /// The sets of this CPU; the emulation is none of them.
    package static var available: [InstructionSet] { allCases.filter(best.includes) }

    /// Whether the kernel refuses AMX to this process, whose CPU has it.
    static var refusesAMX: Bool { dtrain_best_isa() == DTRAIN_ISA_AMX && !allowsAMX }

    /// Whether this process would compute with AMX if the kernel allowed it.
    ///
    /// - Throws: `DTrainError` with `usage` as `inUse` does.
    package static func lacksPermission() throws -> Bool {
        try refusesAMX && inUse() == best && (limit ?? "").isEmpty
    }

    /// Requested once, with the choice of the set, for all threads of the process.
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

    /// Whether this set includes another.
    func includes(_ other: InstructionSet) -> Bool {
        if self == other { return true }
        let instructions = self == .amxEmulated ? Self.best : self
        return other != .amxEmulated && instructions.rank >= other.rank
    }

    /// Whether bf16 is multiplied in tiles.
    var hasTiles: Bool { self == .amx || self == .amxEmulated }

    /// The set to compute with.
    ///
    /// - Parameters:
    ///   - limit: the name of a set, or nil for the CPU's best.
    ///   - best: the CPU's best.
    ///   - refusesAMX: whether the CPU's best would be AMX if the kernel allowed it.
    static func choice(
        limit: String?, best: InstructionSet = .best, refusesAMX: Bool = refusesAMX
    ) throws -> InstructionSet {
        guard let limit, !limit.isEmpty else { return best }
        guard let set = InstructionSet(rawValue: limit) else {
            throw DTrainError(
                .usage, "\(limitVariable) '\(limit)' is no instruction set",
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

    /// The C loops of this set; the emulation has the CPU's best, as AMX does.
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
