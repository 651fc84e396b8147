import DTrainCore
import DistributedTesting
import Foundation
import Testing

/// Outputs that two processes would share: one process locks them, the other names it in an error.
@Suite(.serialized)
struct SharedOutputTests {
    /// Of two concurrent trainings, one succeeds and the other changes nothing.
    @Test(arguments: Launch.each)
    func onlyOneOfTwoTrainingsWritesToAFolder(launch: Launch) throws {
        let bench = try Bench()
        let program = "'\(try MPIRun.find("dtrain"))'"
        let start =
            if case .ranks(let count) = launch { "\(MPIRun.command.joined(separator: " ")) -np \(count) " } else { "" }
        let trainings = [1, 2].map { seed in
            "( \(start)\(program) \(Bench.train("--seed \(seed) --epochs \(seed + 1) --checkpoint-dir out")) >/dev/null "
                + "2>error\(seed); echo $? >status\(seed) )"
        }
        _ = try MPIRun.shell("\(trainings[0]) & \(trainings[1]) & wait", folder: bench.folder)
        let codes = try [1, 2].map { seed in
            Int(String(decoding: try bench.read("status\(seed)"), as: UTF8.self).filter(\.isNumber))
        }
        let winner = try #require(codes.firstIndex(of: 0), "\(codes)") + 1
        let loser = 3 - winner
        // The loser was refused by the lock, or started after the winner ended.
        #expect([74, 64].contains(codes[loser - 1]), "\(codes)")
        let error = String(decoding: try bench.read("error\(loser)"), as: UTF8.self)
        #expect(
            error.contains("another training (process ") || error.contains("already holds checkpoints"), "\(error)")
        #expect(try bench.names(in: "out") == (1...winner + 1).map { "ckpt_\($0).safetensors" })
        for name in try bench.names(in: "out") {
            let seed = try Checkpoint(path: bench.path("out/\(name)")).metadata.settings?[.seed]
            #expect(seed == UInt64(winner), "\(name)")
        }
    }

    /// The error names the lock's holder, and no file changes.
    @Test func lockedOutputsAreRejectedUnchanged() throws {
        let bench = try Bench()
        try bench.train("--max-steps 2 --metrics metrics.jsonl")
        try FileManager.default.createDirectory(atPath: bench.path("report"), withIntermediateDirectories: true)
        try bench.write("mine", to: "report/steps.csv")
        let locks = try ["training_checkpoints", "metrics.jsonl", "report"].map { name in
            try FileLock(path: bench.path(name), flags: O_RDONLY) { DTrainError(.internal, $0) }
        }
        let before = try ["training_checkpoints/ckpt_1_2.safetensors", "metrics.jsonl", "report/steps.csv"].map(
            bench.read)
        let own = "(process \(getpid()) of this host)"
        expectRejected(
            try bench.tryToTrain("--overwrite"), 74, "another training \(own) saves to folder 'training_checkpoints'",
            "--checkpoint-dir")
        expectRejected(
            try bench.tryToTrain("--max-steps 1 --checkpoint-dir next --metrics metrics.jsonl --overwrite"), 64,
            "another training \(own) writes to metrics file 'metrics.jsonl'", "--metrics")
        expectRejected(
            try bench.run("scale --data text.txt --output report --overwrite"), 74,
            "another 'dtrain scale' \(own) writes to --output 'report'")
        let after = try ["training_checkpoints/ckpt_1_2.safetensors", "metrics.jsonl", "report/steps.csv"].map(
            bench.read)
        #expect(after == before)
        withExtendedLifetime(locks) {}
    }
}
