import ArgumentParser
import DTrainCore
import DTrainDistributed

/// The tutorial's last chapter: a training loop of your own, alone or under `mpirun`.
@main
struct CustomLoop: ParsableCommand {
    @Option(help: "UTF-8 text to train on.")
    var data: String

    @Option(help: "Epochs.")
    var epochs = 20

    @Option(help: "Stop after this many steps in all.")
    var maxSteps: Int?

    @Option(help: "Folder for the checkpoints.")
    var checkpointDir = "training_checkpoints"

    @Option(help: "Units of the recurrent layer.")
    var rnnUnits = 1024

    @Option(help: "Sequences per step over all ranks.")
    var batchSize = 64

    @Option(help: "Characters per sequence.")
    var seqLength = 100

    @Option(help: "Random seed.")
    var seed: UInt64 = 42

    func run() { Job.main(train) }

    /// Runs on every rank; each works on its share of every batch.
    private func train(_ ranks: any Communicator) throws {
        let corpus = try Corpus(path: data)
        let data = try SequenceDataset(corpus: corpus, sequenceLength: seqLength, batchSize: batchSize, seed: seed)
        let trainer = try Trainer(
            model: ModelConfiguration(rnnUnits: rnnUnits, vocabularySize: corpus.vocabulary.size),
            shape: Trainer.Shape(batchSize: batchSize, sequenceLength: seqLength), seed: seed, ranks: ranks)
        let checkpoints = CheckpointDirectory(path: checkpointDir)
        var progress = TrainingProgress()
        while progress.epoch < epochs, !isFinished(progress) {
            let start = Clock.seconds
            var mean = Mean()
            for batch in data.batches(epoch: progress.epoch) where !isFinished(progress) {
                let gradient = try trainer.gradient(of: batch)
                let loss = gradient.loss
                try trainer.apply(gradient, learningRate: 0.001)
                if ranks.isRoot, progress.stepInEpoch.isMultiple(of: 50) {
                    print("Epoch \(progress.epoch + 1) Batch \(progress.stepInEpoch) Loss \(fixed(loss, 4))")
                }
                mean.add(loss)
                progress.add(loss: loss)
            }
            if ranks.isRoot {
                print("\nEpoch \(progress.epoch + 1) Loss: \(fixed(mean.value ?? .nan, 4))")
                print("Time taken for 1 epoch \(fixed(Clock.seconds - start, 2)) sec")
                print(String(repeating: "_", count: 80))
            }
            if progress.stepInEpoch == data.stepsPerEpoch { progress.endEpoch() }
            if isFinished(progress) || progress.epoch == epochs || progress.epoch.isMultiple(of: 5) {
                try trainer.save(to: checkpoints.file(for: progress), data: data, progress: progress)
            }
        }
    }

    private func isFinished(_ progress: TrainingProgress) -> Bool { maxSteps.map { progress.step >= $0 } ?? false }
}
