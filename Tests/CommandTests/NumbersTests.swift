import DTrainCore
import DistributedTesting
import Foundation
import Testing

/// Overflowing weights and gradients, and their prevention.
@Suite(.serialized)
struct NumbersTests {
    @Test(arguments: Launch.each)
    func aNonFiniteLossEndsTheRunAndKeepsTheLastCheckpoint(launch: Launch) throws {
        let bench = try Bench()
        let outcome = try bench.tryToTrain("--learning-rate 1e38 --checkpoint-every-steps 1 --quiet", on: launch)
        #expect(outcome.status == 65, "\(outcome)")
        let pattern =
            /error: the (loss|gradient) of step (\d+) is (nan|inf|not finite): the [a-z .]*\bgru\.recurrent_kernel\b/
        let match = try #require(try pattern.firstMatch(in: outcome.stderr), "\(outcome)")
        if case .ranks = launch { #expect(outcome.stderr.contains("not finite on rank 0 ("), "\(outcome)") }
        let step = try #require(Int(match.2))
        #expect(try bench.names(in: "training_checkpoints").last == "ckpt_1_\(step - 1).safetensors")
        let kept = try Checkpoint(path: bench.path("training_checkpoints/ckpt_1_\(step - 1).safetensors"))
        #expect(kept.metadata.progress?.step == step - 1)
    }

    /// Then the warning's advice is followed.
    @Test func anEpochWorseThanGuessingCausesOneWarning() throws {
        let bench = try Bench()
        let first = try bench.train("--epochs 1")
        let diverged = try bench.train("--epochs 4 --learning-rate 50 --resume")
        #expect(first.stderr.isEmpty, "\(first)")
        let warnings = diverged.stderr.split(separator: "\n").filter { $0.hasPrefix("warning: the loss ") }
        #expect(warnings.count == 1, "\(diverged)")
        let warning = try #require(warnings.first)
        let pattern =
            /the loss of epoch 2 is worse than guessing \(([\d.]+), ln\(vocabulary\) ([\d.]+)\): .*--checkpoint-dir.*--resume-from/
        let match = try #require(try pattern.firstMatch(in: warning), "\(diverged)")
        let (loss, uniform) = try (#require(Double(match.1)), #require(Double(match.2)))
        #expect(abs(uniform - log(Double(Bench.vocabularySize))) < 1e-4)
        #expect(loss > uniform)
        let mended = try bench.train(
            "--epochs 4 --learning-rate 0.01 --resume-from training_checkpoints/ckpt_1.safetensors --checkpoint-dir other"
        )
        #expect(!mended.stderr.contains("worse than guessing"), "\(mended)")
    }

    @Test func clippingIsTheSameForAnyNumberOfRanks() throws {
        let bench = try Bench()
        try bench.train("--epochs 1 --metrics plain.jsonl --checkpoint-dir plain")
        let norms = try Metrics(bench.read("plain.jsonl")).gradientNorms
        #expect(norms.count == Bench.stepsPerEpoch && norms.allSatisfy { $0 > 0 && $0.isFinite })
        // The limit is below the first step's norm, so that step is clipped and the training
        // differs from then on.
        let flags = "--epochs 1 --clip-norm \(norms[0] / 2)"
        try bench.train("\(flags) --checkpoint-dir limited --metrics limited.jsonl --threads 2")
        #expect(try Metrics(bench.read("limited.jsonl")).gradientNorms.first == norms.first)
        let limited = try bench.tensors("limited/ckpt_1.safetensors")
        #expect(try limited != bench.tensors("plain/ckpt_1.safetensors"))
        guard MPIRun.isAvailable else { return }
        try bench.train("\(flags) --checkpoint-dir ranks --metrics ranks.jsonl", on: .ranks(3))
        #expect(try bench.tensors("ranks/ckpt_1.safetensors") == limited)
        #expect(
            try Metrics(bench.read("ranks.jsonl")).gradientNorms == Metrics(bench.read("limited.jsonl")).gradientNorms)
    }

    @Test(arguments: ["0", "-1", "nan", "inf", "much"])
    func invalidClipNormsAreRejected(value: String) throws {
        expectRejected(try Bench().tryToTrain("--clip-norm=\(value)"), 64, "'--clip-norm")
    }

    @Test func verifyingReplicasKeepsTheBits() throws {
        let bench = try Bench()
        try bench.train("--epochs 1 --checkpoint-dir plain")
        try bench.train("--epochs 1 --checkpoint-dir verified --verify-replicas 1", on: Launch.each.last ?? .alone)
        #expect(try bench.read("verified/ckpt_1.safetensors") == bench.read("plain/ckpt_1.safetensors"))
    }
}
