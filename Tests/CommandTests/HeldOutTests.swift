import DTrainCore
import DistributedTesting
import Foundation
import Testing

/// Held-out data on the command line: the output lines, the best checkpoint, and rejected options.
@Suite(.serialized)
struct HeldOutTests {
    private let bench: Bench

    init() throws { bench = try Bench() }

    @Test func theHeldOutLossIsPrintedAndSelectsTheBestCheckpoint() throws {
        let outcome = try bench.tryToTrain("--validation-split 0.2 --metrics metrics.jsonl")
        #expect(outcome.status == 0, "\(outcome)")
        #expect(outcome.stdout.contains("held out: "), "\(outcome)")
        #expect(outcome.stdout.matches(of: /loss: \d\.\d{4} - val_loss: \d\.\d{4}/).count == 2, "\(outcome)")
        #expect(outcome.stdout.contains("saved training_checkpoints/ckpt_best.safetensors (epoch "), "\(outcome)")
        let metrics = String(decoding: try bench.read("metrics.jsonl"), as: UTF8.self)
        let lines = metrics.split(separator: "\n").filter { $0.contains("\"epoch_loss\"") }
        #expect(lines.count == 2 && lines.allSatisfy { $0.contains("\"validation_loss\":") })
        let evaluated = try bench.run("evaluate --checkpoint training_checkpoints --best --data text.txt")
        #expect(evaluated.stderr.contains("'training_checkpoints/ckpt_best.safetensors'"), "\(evaluated)")
        let generated = try bench.run(
            "generate --checkpoint training_checkpoints --best --length 5 --greedy --prompt th")
        #expect(generated.status == 0 && generated.stdout.hasPrefix("th"), "\(generated)")
        let exported = try bench.run("export --checkpoint training_checkpoints --best --output generator")
        #expect(exported.status == 0, "\(exported)")
    }

    @Test func bestAndEarlyStoppingNeedHeldOutData() throws {
        try bench.train("--max-steps 1")
        expectRejected(
            try bench.run("evaluate --checkpoint training_checkpoints --best --data text.txt"), 66, "--validation-split"
        )
        expectRejected(try bench.tryToTrain("--early-stopping 2 --checkpoint-dir other"), 64, "--early-stopping")
    }

    @Test func anEarlyStopIsReportedAndResumingEndsAtOnce() throws {
        let command =
            Bench.train("--epochs 9 --validation-split 0.2 --validate-every-steps 1 --early-stopping 2 --min-delta 100")
        let outcome = try bench.run(command)
        #expect(outcome.status == 0 && outcome.stderr.contains("stopped early"), "\(outcome)")
        let again = try bench.run("\(command) --resume")
        #expect(again.status == 0 && again.stderr.contains("has stopped early"), "\(again)")
        #expect(!again.stdout.contains("Epoch"), "\(again)")
    }

    @Test func carryingTheStateChangesTheEvaluation() throws {
        try bench.train("--epochs 1")
        let windows = try bench.run("evaluate --checkpoint training_checkpoints --data text.txt --json")
        let carried = try bench.run("evaluate --checkpoint training_checkpoints --data text.txt --json --carry-state")
        #expect(carried.status == 0 && carried.stdout != windows.stdout, "\(carried)")
    }
}
