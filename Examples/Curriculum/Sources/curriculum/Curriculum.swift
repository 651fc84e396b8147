import ArgumentParser
import DTrainCore
import DTrainDistributed

/// A curriculum: the model first learns from short sequences, then from longer and longer ones.
///
/// A step on short sequences takes less time, and the first things to learn (letters, then words) need no long context. The
/// gradient is clipped, and the learning rate falls with every stage.
@main
struct Curriculum: ParsableCommand {
    @Option(help: "UTF-8 text to train on.")
    var data: String

    @Option(help: "Characters per sequence, stage by stage.")
    var lengths = "25,50,100"

    @Option(help: "Steps of each stage.")
    var steps = 100

    @Option(help: "Units of the recurrent layer.")
    var rnnUnits = 256

    @Option(help: "Sequences per step over all ranks.")
    var batchSize = 64

    @Option(help: "File for the trained model.")
    var output = "curriculum.safetensors"

    func run() { Job.main(train) }

    /// Runs on every rank; each works on its share of every batch.
    private func train(_ ranks: any Communicator) throws {
        let corpus = try Corpus(path: data)
        let lengths = lengths.split(separator: ",").compactMap { Int($0) }
        let trainer = try Trainer(
            model: ModelConfiguration(rnnUnits: rnnUnits, vocabularySize: corpus.vocabulary.size),
            shape: Trainer.Shape(batchSize: batchSize, sequenceLength: lengths.first ?? 1), ranks: ranks)
        for (stage, length) in lengths.enumerated() {
            let data = try SequenceDataset(corpus: corpus, sequenceLength: length, batchSize: batchSize)
            var mean = Mean()
            for batch in data.batches(epoch: stage).prefix(steps) {
                var gradient = try trainer.gradient(of: batch)
                gradient.clip(norm: 1)
                mean.add(gradient.loss)
                try trainer.apply(gradient, learningRate: 0.002 / Double(stage + 1))
            }
            if ranks.isRoot { print("stage \(stage + 1): sequences of \(length), loss \(mean.value ?? .nan)") }
        }
        try trainer.export(to: output, vocabulary: corpus.vocabulary)
    }
}
