import DistributedTesting
import Foundation
import Testing

/// Ranks started with different options or files are rejected before the first step, with an error
/// that names the difference.
@Suite(.serialized, .enabled(if: MPIRun.isAvailable, "mpirun isn't installed"))
struct DifferingRanksTests {
    /// Starts rank 0 with the bench's training and rank 1 with further flags.
    private func start(_ bench: Bench, _ common: String, rank1: String) throws -> MPIRun.Outcome {
        try MPIRun.mpirun(
            executable: "dtrain",
            programs: [
                (ranks: 1, arguments: Bench.words(Bench.train(common))),
                (ranks: 1, arguments: Bench.words(Bench.train(rank1, over: common))),
            ], folder: bench.folder)
    }

    private func expectRejectedByRank1(
        _ bench: Bench, _ outcome: MPIRun.Outcome, _ status: Int32, _ part: String,
        sourceLocation: SourceLocation = #_sourceLocation
    ) {
        expectRejected(outcome, status, "rank 1 (", part, on: .ranks(2), sourceLocation: sourceLocation)
        #expect(!outcome.stdout.contains("Epoch"), "\(outcome)", sourceLocation: sourceLocation)
        #expect(!bench.exists("training_checkpoints"), sourceLocation: sourceLocation)
    }

    /// One flag of each kind: a value, a value that is off by default, the start, a switch, and a
    /// flag of the job.
    ///
    /// TrainingPlanTests checks that ranks compare every setting.
    @Test(arguments: [
        ("--seed 2", "--seed differs: '42' on rank 0, '2' on"),
        ("--clip-norm 1", "--clip-norm differs: 'off' on rank 0"),
        ("--resume", "start (--init, --resume, --resume-from) differs"), ("--no-shuffle", "--shuffle differs"),
        ("--metrics metrics.jsonl", "--metrics differs"),
    ])
    func differingFlagsAreRejected(flags: String, message: String) throws {
        let bench = try Bench()
        expectRejectedByRank1(bench, try start(bench, "", rank1: flags), 64, message)
    }

    @Test func differingTextsAreRejectedWithTheirPaths() throws {
        let bench = try Bench()
        try bench.write(Bench.text.replacingOccurrences(of: "fox", with: "fog"), to: "other.txt")
        let outcome = try start(bench, "", rank1: "--data other.txt")
        expectRejectedByRank1(bench, outcome, 64, "checksum (--data) differs")
        // The error names the paths, which are more useful than the checksums.
        expectRejectedByRank1(bench, outcome, 64, " of 'text.txt' on rank 0 (")
        expectRejectedByRank1(bench, outcome, 64, " of 'other.txt' on rank 1 (")
    }

    /// The same path in two folders, as on hosts that don't share one.
    @Test func differingHeldOutTextsAreRejected() throws {
        let bench = try Bench()
        let programs = try ["fox", "dog"].map { word in
            let folder = bench.path(word)
            try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
            try bench.write("the quick \(word) runs away over the lazy dog.\n", to: "\(word)/held.txt")
            let flags = Bench.train("--data \(bench.path("text.txt")) --validation-data held.txt")
            return (ranks: 1, arguments: ["-C", folder, try MPIRun.find("dtrain")] + Bench.words(flags))
        }
        let outcome = try MPIRun.mpirun(executable: "/usr/bin/env", programs: programs, folder: bench.folder)
        expectRejectedByRank1(bench, outcome, 64, "the held-out text's checksum (--validation-data) differs")
    }

    @Test func aTextMissingOnOneRankIsRejected() throws {
        let bench = try Bench()
        expectRejectedByRank1(bench, try start(bench, "", rank1: "--data missing.txt"), 66, "'missing.txt'")
    }

    @Test func anInvalidFlagOnOneRankIsRejected() throws {
        let bench = try Bench()
        let outcome = try start(bench, "", rank1: "--epochs 0")
        #expect(outcome.status == 64, "\(outcome)")
        #expect(outcome.stderr.contains("error: The value '0' is invalid for '--epochs"), "\(outcome)")
        #expect(!bench.exists("training_checkpoints"))
    }

    /// Threads may differ, since they don't change any bit.
    @Test func ranksMayDifferInThreads() throws {
        let bench = try Bench()
        let outcome = try start(bench, "--epochs 1 --threads 1", rank1: "--threads 3")
        #expect(outcome.status == 0, "\(outcome)")
        try bench.train("--epochs 1 --checkpoint-dir alone")
        #expect(try bench.read("training_checkpoints/ckpt_1.safetensors") == bench.read("alone/ckpt_1.safetensors"))
    }
}
