import DTrainCore
import DistributedTesting
import Foundation
import Testing

/// A resumed training gives the result of an uninterrupted one.
@Suite(.serialized)
struct ResumeTests {
    /// Trainings stopped inside the second epoch resume on the same or another number of ranks.
    @Test(
        arguments: MPIRun.isAvailable
            ? [(Launch.alone, Launch.alone), (.ranks(2), .ranks(1)), (.ranks(2), .ranks(3)), (.ranks(2), .alone)]
            : [(Launch.alone, Launch.alone)])
    func aResumedTrainingEndsWithTheSameBits(saved: Launch, resumed: Launch) throws {
        let bench = try Bench()
        try bench.train("--checkpoint-dir whole --metrics whole.jsonl")
        try bench.train("--checkpoint-dir parts --metrics parts.jsonl --max-steps 17", on: saved)
        #expect(try bench.names(in: "parts") == ["ckpt_1.safetensors", "ckpt_2_4.safetensors"])
        let outcome = try bench.train("--checkpoint-dir parts --metrics parts.jsonl --resume", on: resumed)
        #expect(outcome.stderr.contains("resumed from 'parts/ckpt_2_4.safetensors' at step 17"), "\(outcome)")
        #expect(!outcome.stdout.contains("Epoch 1/2"), "\(outcome)")
        #expect(try bench.tensors("parts/ckpt_2.safetensors") == bench.tensors("whole/ckpt_2.safetensors"))
        // The loss history is in the metadata.
        #expect(try bench.read("parts/ckpt_2.safetensors") == bench.read("whole/ckpt_2.safetensors"))
        let (parts, whole) = (try Metrics(bench.read("parts.jsonl")), try Metrics(bench.read("whole.jsonl")))
        #expect(parts.steps == Array(1...2 * Bench.stepsPerEpoch))
        #expect(parts.losses == whole.losses)
        #expect(parts.epochLosses == whole.epochLosses)
    }

    @Test func metricsAreTruncatedToTheResumedStep() throws {
        let bench = try Bench()
        try bench.train("--metrics metrics.jsonl --checkpoint-every-steps 5")
        let whole = try Metrics(bench.read("metrics.jsonl"))
        for name in ["ckpt_2", "ckpt_2_12", "ckpt_2_7"] {
            try FileManager.default.removeItem(atPath: bench.path("training_checkpoints/\(name).safetensors"))
        }
        // A partial line, as after a crash during a write.
        try bench.write(try bench.read("metrics.jsonl") + Data("{\"step\":27,\"epo".utf8), to: "metrics.jsonl")
        try bench.train("--metrics metrics.jsonl --resume")
        let metrics = try Metrics(bench.read("metrics.jsonl"))
        #expect(metrics.steps == Array(1...26))
        #expect(metrics.epochs == [1, 2])
        #expect(metrics.losses == whole.losses)
        // Each epoch's line follows its last step's.
        #expect(metrics.lines.map(\.epoch) == [Int](repeating: 1, count: 14) + [Int](repeating: 2, count: 14))
        #expect(metrics.lines.allSatisfy { $0.seconds >= 0 && $0.tokens ?? 80 == 80 && $0.tokensPerSecond ?? 1 > 0 })
    }

    @Test func resumingWithoutCheckpointsStartsFromTheBeginning() throws {
        let bench = try Bench()
        let outcome = try bench.train("--resume")
        #expect(outcome.stderr.contains("no checkpoint in 'training_checkpoints'"), "\(outcome)")
        #expect(outcome.stderr.contains("starting a new training"), "\(outcome)")
        try bench.train("--checkpoint-dir fresh")
        #expect(try bench.read("training_checkpoints/ckpt_2.safetensors") == bench.read("fresh/ckpt_2.safetensors"))
    }

    @Test func aDamagedNewestCheckpointIsSkippedAndNamed() throws {
        let bench = try Bench()
        try bench.train("--checkpoint-dir whole")
        try bench.train()
        try bench.write(
            try bench.read("whole/ckpt_2.safetensors").dropLast(), to: "training_checkpoints/ckpt_2.safetensors")
        let outcome = try bench.train("--resume")
        #expect(outcome.stderr.contains(/warning: skipped: .*ckpt_2\.safetensors/), "\(outcome)")
        #expect(outcome.stderr.contains("resumed from 'training_checkpoints/ckpt_1.safetensors'"), "\(outcome)")
        #expect(try bench.read("training_checkpoints/ckpt_2.safetensors") == bench.read("whole/ckpt_2.safetensors"))
    }

    @Test func resumeFromContinuesFromOneFile() throws {
        let bench = try Bench()
        try bench.train("--checkpoint-dir whole")
        let outcome = try bench.train("--checkpoint-dir other --resume-from whole/ckpt_1.safetensors")
        #expect(outcome.stderr.contains("resumed from 'whole/ckpt_1.safetensors' at step 13"), "\(outcome)")
        #expect(try bench.names(in: "other") == ["ckpt_2.safetensors"])
        #expect(try bench.read("other/ckpt_2.safetensors") == bench.read("whole/ckpt_2.safetensors"))
    }

    @Test func deletingCheckpointsAfterTheResumedOneNeedsOverwrite() throws {
        let bench = try Bench()
        try bench.train("--checkpoint-dir whole")
        let late = try bench.read("whole/ckpt_2.safetensors")
        let line = "--checkpoint-dir whole --resume-from whole/ckpt_1.safetensors --learning-rate 0.5"
        expectRejected(try bench.tryToTrain(line), 64, "later checkpoints", "ckpt_2.safetensors", "--overwrite")
        #expect(try bench.read("whole/ckpt_2.safetensors") == late)
        try bench.train("\(line) --overwrite --max-steps 14")
        #expect(try bench.names(in: "whole") == ["ckpt_1.safetensors", "ckpt_2_1.safetensors"])
    }

    @Test func aFolderWithOnlyDamagedCheckpointsIsRejected() throws {
        let bench = try Bench()
        try bench.train("--epochs 1")
        let path = "training_checkpoints/ckpt_1.safetensors"
        let cut = try bench.read(path).dropLast()
        try bench.write(cut, to: path)
        let outcome = try bench.tryToTrain("--resume")
        #expect(outcome.status == 65 && outcome.stderr.contains("error: all 1 checkpoints"), "\(outcome)")
        #expect(try bench.read(path) == cut)
    }

    @Test func resumingReportsThatAllStepsAreDone() throws {
        let bench = try Bench()
        try bench.train("--max-steps 2")
        let outcome = try bench.train("--resume --max-steps 2")
        #expect(outcome.stderr.contains("all 2 steps are done already"), "\(outcome)")
    }

    @Test(arguments: [
        ("--micro-batch-size 4", "--micro-batch-size 2, not 4"), ("--batch-size 4", "--batch-size 8, not 4"),
        ("--rnn-units 12", "--rnn-units 16, not 12"), ("--embedding-dim 4", "--embedding-dim 8, not 4"),
        ("--layers 2", "--layers 1, not 2"), ("--cell lstm", "--cell gru, not lstm"),
        ("--seq-length 9", "--seq-length 10, not 9"), ("--seed 9", "--seed 42, not 9"),
        ("--no-shuffle", "--shuffle, not --no-shuffle"), ("--precision bf16", "--precision fp32, not bf16"),
    ])
    func changedSettingsAreRejectedWithBothValues(flags: String, message: String) throws {
        let bench = try Bench()
        try bench.train("--epochs 1")
        expectRejected(try bench.tryToTrain("--resume \(flags)"), 64, "ckpt_1.safetensors", message)
        #expect(try bench.names(in: "training_checkpoints") == ["ckpt_1.safetensors"])
    }

    @Test func aChangedTextIsRejected() throws {
        let bench = try Bench()
        try bench.train("--epochs 1")
        try bench.write(Bench.text.replacingOccurrences(of: "fox", with: "cat"), to: "text.txt")
        let then = try Checkpoint(path: bench.path("training_checkpoints/ckpt_1.safetensors")).metadata.corpusChecksum
        let now = try Corpus(path: bench.path("text.txt")).checksum
        let outcome = try bench.tryToTrain("--resume")
        expectRejected(outcome, 65, "'text.txt'", "ckpt_1.safetensors", now, try #require(then))
    }

    @Test func aChangedLearningRateIsAllowedAndReported() throws {
        let bench = try Bench()
        try bench.train("--epochs 1")
        let outcome = try bench.train("--resume --learning-rate 0.5")
        #expect(outcome.stderr.contains("--learning-rate changes from 0.001 to 0.5\n"), "\(outcome)")
        try bench.train("--checkpoint-dir whole")
        #expect(
            try bench.tensors("training_checkpoints/ckpt_2.safetensors") != bench.tensors("whole/ckpt_2.safetensors"))
    }

    @Test func changedEpochsAndClipNormAreAllowedAndReported() throws {
        let bench = try Bench()
        try bench.train("--epochs 1")
        let outcome = try bench.train("--resume --epochs 3 --clip-norm 0.5")
        #expect(outcome.stderr.contains("--epochs changes from 1 to 3\n"), "\(outcome)")
        #expect(outcome.stderr.contains("--clip-norm changes from off to 0.5\n"), "\(outcome)")
        let kept = try bench.train("--resume --epochs 4")
        #expect(!kept.stderr.contains("--clip-norm"), "\(kept)")
        let back = try bench.train("--resume --epochs 5 --clip-norm off")
        #expect(back.stderr.contains("--clip-norm changes from 0.5 to off\n"), "\(back)")
    }

    @Test func aFinishedTrainingContinuesOnlyWithMoreEpochs() throws {
        let bench = try Bench()
        try bench.train("--epochs 1")
        let done = try bench.train("--epochs 1 --resume")
        #expect(done.stderr.contains("all 1 epochs are done already"), "\(done)")
        #expect(try bench.names(in: "training_checkpoints") == ["ckpt_1.safetensors"])
        try bench.train("--epochs 2 --resume")
        try bench.train("--checkpoint-dir whole")
        #expect(try bench.read("training_checkpoints/ckpt_2.safetensors") == bench.read("whole/ckpt_2.safetensors"))
    }

    @Test func timePerStepCountsOnlyThisProcess() throws {
        let bench = try Bench()
        try bench.train("--epochs 1 --rnn-units 128 --max-steps 11")
        let outcome = try bench.train("--epochs 1 --rnn-units 128 --resume --metrics metrics.jsonl")
        let seconds = try #require(try Metrics(bench.read("metrics.jsonl")).lines.last?.seconds)
        // Two of the 13 steps remained.
        #expect(outcome.stdout.contains(" \(Int((seconds / 2 * 1000).rounded()))ms/step"), "\(seconds): \(outcome)")
    }

    @Test func aChangedVocabularyIsRejectedWithBothSizes() throws {
        let bench = try Bench()
        try bench.train("--epochs 1")
        try bench.write(Bench.text + "0123", to: "text.txt")
        let size = Bench.vocabularySize
        expectRejected(try bench.tryToTrain("--resume"), 65, "; vocabulary of \(size + 4), then \(size)); ")
    }
}
