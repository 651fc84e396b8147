import ArgumentParser
import DTrainCore
import DTrainDistributed
import Foundation

/// A curriculum: the model learns from short sequences first, then from longer and longer ones.
///
/// Steps on short sequences are faster, and a model learns letters and words first, which need no long context. The
/// gradient is clipped, and the learning rate falls with every stage.
@main
struct Curriculum: ParsableCommand {
    @Option(help: "UTF-8 text to train on.")
    var data: String

    @Option(parsing: .upToNextOption, help: "Characters per sequence, stage by stage.")
    var lengths = [25, 50, 100]

    @Option(help: "Steps per stage.")
    var steps = 100

    @Option(help: "Units of the recurrent layer.")
    var rnnUnits = 256

    @Option(help: "Sequences per step, over all ranks.")
    var batchSize = 64

    @Option(help: "File for the trained model.")
    var output = "curriculum.safetensors"

    func validate() throws {
        guard steps > 0, !lengths.isEmpty else { throw ValidationError("Give --steps at least 1, --lengths a number.") }
    }

    func run() { Job.main(train) }

    /// Runs on every rank; each rank computes its share of every batch.
    private func train(_ ranks: any Communicator) throws {
        let corpus = try ranks.collectively { try Corpus(path: data) }
        let trainer = try Trainer(
            model: ModelConfiguration(rnnUnits: rnnUnits, vocabularySize: corpus.vocabulary.size),
            shape: Trainer.Shape(batchSize: batchSize, sequenceLength: lengths[0]), ranks: ranks)
        for (stage, length) in lengths.enumerated() {
            let data = try SequenceDataset(corpus: corpus, sequenceLength: length, batchSize: batchSize)
            var mean = Mean()
            for batch in data.batches(epoch: stage).prefix(steps) {
                var gradient = try trainer.gradient(of: batch)
                try gradient.clip(norm: 1)
                mean.add(gradient.loss)
                try trainer.apply(gradient, learningRate: 0.002 / Double(stage + 1))
            }
            let loss = String(format: "%.4f", mean.value ?? .nan)
            ranks.printOnRoot("Stage \(stage + 1) Length \(length) Loss \(loss)")
        }
        try trainer.export(to: output, vocabulary: corpus.vocabulary)
    }
}
