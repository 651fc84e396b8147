import DTrainCore
import DistributedTesting
import Foundation
import Testing

/// Ranks on different CPUs, simulated by setting `DTRAIN_MAX_ISA` on single ranks, use one common
/// arithmetic.
@Suite(.serialized)
struct ArithmeticTests {
    private static let file = "ckpt_1_4.safetensors"

    /// Trains with one rank per instruction set; nil is this CPU's best.
    private func train(_ bench: Bench, _ flags: String, sets: [String?]) throws -> MPIRun.Outcome {
        let arguments = try [MPIRun.find("dtrain")] + Bench.words(Bench.train("--rnn-units 70 --max-steps 4 \(flags)"))
        return try MPIRun.mpirun(
            executable: "/usr/bin/env",
            programs: sets.map { set in
                (ranks: 1, arguments: ["\(InstructionSet.limitVariable)=\(set ?? "")"] + arguments)
            }, folder: bench.folder)
    }

    /// Trains once per list of sets, each in its own folder; the first two must produce the same
    /// files.
    private func expectSame(
        _ bench: Bench, _ flags: String, _ lists: [[String?]], sourceLocation: SourceLocation = #_sourceLocation
    ) throws -> [MPIRun.Outcome] {
        let outcomes = try lists.enumerated().map { index, sets in
            let outcome = try train(bench, "\(flags) --checkpoint-dir run\(index)", sets: sets)
            try #require(outcome.status == 0, "\(outcome)", sourceLocation: sourceLocation)
            return outcome
        }
        #expect(
            try bench.read("run0/\(Self.file)") == bench.read("run1/\(Self.file)"), "\(flags)",
            sourceLocation: sourceLocation)
        return outcomes
    }

    @Test(.enabled(if: MPIRun.isAvailable, "mpirun isn't installed"), arguments: Precision.allCases)
    func ranksWithDifferentInstructionSetsGiveTheSameBits(precision: Precision) throws {
        let bench = try Bench()
        let outcomes = try expectSame(
            bench, "--precision \(precision.rawValue)", [[nil, "generic"], ["generic", "generic"]])
        let best = try #require(InstructionSet.available.last)
        let both = best == .generic ? "generic" : "generic and \(best.rawValue)"
        let arithmetic = precision == .bf16 ? ", bf16 rounded (multiplied as float32" : "\n"
        for (outcome, sets) in zip(outcomes, [both, "generic"]) {
            #expect(outcome.stdout.contains("2 ranks × 1 thread, \(sets) instructions\(arithmetic)"), "\(outcome)")
        }
    }

    /// If one rank lacks tiles, no rank uses them.
    @Test(
        .enabled(if: MPIRun.isAvailable, "mpirun isn't installed"),
        .enabled(if: InstructionSet.hasFusedMultiplyAdd, "this CPU has no fused multiply-add"))
    func tilesAreUsedOnlyIfAllRanksHaveThem() throws {
        let bench = try Bench()
        let emulated = InstructionSet.amxEmulated.rawValue
        let outcomes = try expectSame(
            bench, "--precision bf16 --verify-replicas 1",
            [[emulated, "generic"], ["generic", "generic"], [emulated, emulated]])
        for (outcome, arithmetic) in zip(outcomes, ["bf16 rounded", "bf16 rounded", "bf16 tdpbf16ps"]) {
            #expect(outcome.stdout.contains(" instructions, \(arithmetic)"), "\(outcome)")
        }
        #expect(try bench.tensors("run0/\(Self.file)") != bench.tensors("run2/\(Self.file)"))
    }

    #if arch(x86_64)
        /// Each rank in turn lacks the instruction; if the other rank used it, they would diverge.
        @Test(
            .enabled(if: MPIRun.isAvailable, "mpirun isn't installed"),
            .enabled(if: InstructionSet.hasFusedMultiplyAdd, "this CPU has no fused multiply-add"),
            arguments: Precision.allCases)
        func fusedMultiplyAddIsUsedOnlyIfAllRanksHaveIt(precision: Precision) throws {
            let bench = try Bench()
            let plain = InstructionSet.withoutFMA
            let outcomes = try expectSame(
                bench, "--precision \(precision.rawValue) --verify-replicas 1",
                precision == .fp32
                    ? [[plain, nil], [plain, plain], [nil, nil]] : [[nil, plain], [plain, plain], [nil, nil]])
            #expect(try bench.tensors("run0/\(Self.file)") != bench.tensors("run2/\(Self.file)"))
            for (outcome, warns) in zip(outcomes, [true, true, false]) {
                #expect(outcome.stderr.contains("a rank has no fused multiply-add") == warns, "\(outcome)")
            }
        }

        @Test(.enabled(if: InstructionSet.hasFusedMultiplyAdd, "this CPU has no fused multiply-add"))
        func resumingWithOtherArithmeticCausesAWarning() throws {
            let bench = try Bench()
            func resume(to step: Int, _ set: String) throws -> MPIRun.Outcome {
                let outcome = try bench.run(
                    Bench.train("--max-steps \(step) --resume"), environment: [InstructionSet.limitVariable: set])
                try #require(outcome.status == 0, "\(outcome)")
                return outcome
            }
            let before = "was computed as 'fp32' and continues as 'fp32 without fma'"
            let after = "was computed as 'fp32 without fma' and continues as 'fp32'"
            try bench.train("--max-steps 2")
            #expect(!(try resume(to: 3, "generic")).stderr.contains("computed as"))
            let changed = try resume(to: 4, InstructionSet.withoutFMA)
            #expect(changed.stderr.contains("warning: ") && changed.stderr.contains(before), "\(changed)")
            #expect(!(try resume(to: 5, InstructionSet.withoutFMA)).stderr.contains("computed as"))
            #expect(try resume(to: 6, "").stderr.contains(after))
        }
    #endif

    @Test(.enabled(if: MPIRun.isAvailable, "mpirun isn't installed"))
    func theErrorForAnUnknownInstructionSetNamesTheRank() throws {
        let bench = try Bench()
        let outcome = try train(bench, "", sets: [nil, "sse9"])
        expectRejected(outcome, 64, "rank 1 (", "DTRAIN_MAX_ISA 'sse9'", on: .ranks(2))
        #expect(!bench.exists("training_checkpoints"))
    }
}
