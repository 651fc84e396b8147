import DTrainCore
import DistributedTesting
import Foundation
import Testing

/// A training stopped at any step and resumed on any number of ranks gives the result of an
/// uninterrupted one.
@Suite(.serialized)
struct ResumeEverywhereTests {
    /// Expects the weights, moments and loss history of `whole`, and every step and epoch once in
    /// the metrics.
    private func expectUninterruptedResult(
        _ bench: Bench, _ name: String, _ what: String, sourceLocation: SourceLocation = #_sourceLocation
    ) throws {
        #expect(
            try bench.read("\(name)/ckpt_2.safetensors") == bench.read("whole/ckpt_2.safetensors"), "\(what)",
            sourceLocation: sourceLocation)
        let (parts, whole) = (try Metrics(bench.read("\(name).jsonl")), try Metrics(bench.read("whole.jsonl")))
        #expect(parts.steps == Array(1...2 * Bench.stepsPerEpoch), "\(what)", sourceLocation: sourceLocation)
        #expect(parts.epochs == [1, 2], "\(what)", sourceLocation: sourceLocation)
        #expect(parts.losses == whole.losses, "\(what)", sourceLocation: sourceLocation)
        #expect(parts.epochLosses == whole.epochLosses, "\(what)", sourceLocation: sourceLocation)
    }

    private func uninterruptedRun() throws -> Bench {
        let bench = try Bench()
        try bench.train("--checkpoint-dir whole --metrics whole.jsonl")
        return bench
    }

    @Test(arguments: Torture.isOn ? Array(1..<2 * Bench.stepsPerEpoch) : [1, 12, 13, 14, 25])
    func stoppingOnceKeepsTheResult(step: Int) throws {
        let bench = try uninterruptedRun()
        for flags in ["--max-steps \(step)", "--resume"] {
            try bench.train("--checkpoint-dir parts --metrics parts.jsonl \(flags)")
        }
        try expectUninterruptedResult(bench, "parts", "stopped after \(step)")
    }

    @Test func stoppingAfterEveryStepKeepsTheResult() throws {
        let bench = try uninterruptedRun()
        for step in 1...2 * Bench.stepsPerEpoch {
            try bench.train("--checkpoint-dir parts --metrics parts.jsonl --resume --max-steps \(step)")
        }
        try expectUninterruptedResult(bench, "parts", "stopped after every step")
    }

    private static let combinations: [(Int, Int)] =
        Torture.isOn
        ? [1, 2, 3, 5].flatMap { saved in [1, 2, 3, 5].filter { $0 != saved }.map { (saved, $0) } } : [(3, 5), (5, 2)]

    @Test(.enabled(if: MPIRun.isAvailable, "mpirun isn't installed"), arguments: combinations)
    func resumingOnAnotherNumberOfRanksKeepsTheResult(saved: Int, resumed: Int) throws {
        let bench = try uninterruptedRun()
        for step in Torture.isOn ? [5, 17] : [17] {
            let flags = "--checkpoint-dir parts\(step) --metrics parts\(step).jsonl"
            try bench.train("\(flags) --max-steps \(step)", on: .ranks(saved))
            try bench.train("\(flags) --resume", on: .ranks(resumed))
            try expectUninterruptedResult(bench, "parts\(step)", "\(saved) ranks, \(resumed) from step \(step)")
        }
    }

    /// The program resumes a custom loop that stopped inside an epoch of streams, with the result
    /// of an uninterrupted training.
    @Test func theProgramResumesAStatefulCustomLoop() throws {
        let bench = try Bench()
        try bench.train("--checkpoint-dir whole --stateful")
        let corpus = try Corpus(path: bench.path("text.txt"))
        let data = try SequenceDataset(corpus: corpus, sequenceLength: 10, batchSize: 8, stateful: true)
        let trainer = try Trainer(
            model: ModelConfiguration(embeddingDim: 8, rnnUnits: 16, vocabularySize: corpus.vocabulary.size),
            shape: Trainer.Shape(batchSize: 8, microBatchSize: 2, sequenceLength: 10), threads: 1, stateful: true)
        var progress = TrainingProgress()
        for batch in data.batches(epoch: 0).prefix(data.stepsPerEpoch / 2) {
            let gradient = try trainer.gradient(of: batch)
            progress.add(loss: gradient.loss)
            try trainer.apply(gradient, learningRate: 0.001)
        }
        var settings = Settings()
        settings[.epochs] = 2
        try trainer.save(
            to: bench.path("loop/ckpt_1_\(progress.step).safetensors"), data: data, progress: progress,
            settings: settings)
        let outcome = try bench.run("train --data text.txt --checkpoint-dir loop --resume")
        #expect(outcome.status == 0, "\(outcome)")
        #expect(try bench.tensors("loop/ckpt_2.safetensors") == bench.tensors("whole/ckpt_2.safetensors"))
    }
}
