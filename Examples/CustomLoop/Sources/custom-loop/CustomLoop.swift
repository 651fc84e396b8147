import ArgumentParser
import DTrainCore
import DTrainDistributed
import Foundation

/// The tutorial's custom training loop, on one process or under `mpirun`.
@main
struct CustomLoop: ParsableCommand {
    @Option(help: "UTF-8 text to train on.")
    var data: String

    @Option(help: "Epochs to train.")
    var epochs = 20

    @Option(help: "Stop after this many steps in total.")
    var maxSteps: Int?

    @Option(help: "Folder for the checkpoints.")
    var checkpointDir = "training_checkpoints"

    @Option(help: "Units of the recurrent layer.")
    var rnnUnits = 1024

    @Option(help: "Sequences per step, over all ranks.")
    var batchSize = 64

    @Option(help: "Characters per sequence.")
    var seqLength = 100

    @Option(help: "Random seed.")
    var seed: UInt64 = 42

    func validate() throws {
        guard epochs > 0, maxSteps ?? 1 > 0 else { throw ValidationError("Give --epochs and --max-steps at least 1.") }
    }

    func run() { Job.main(train) }

    /// Runs on every rank; each rank computes its share of every batch.
    private func train(_ ranks: any Communicator) throws {
        let corpus = try ranks.collectively { try Corpus(path: self.data) }
        let data = try SequenceDataset(corpus: corpus, sequenceLength: seqLength, batchSize: batchSize, seed: seed)
        let trainer = try Trainer(
            model: ModelConfiguration(rnnUnits: rnnUnits, vocabularySize: corpus.vocabulary.size),
            shape: Trainer.Shape(batchSize: batchSize, sequenceLength: seqLength), seed: seed, ranks: ranks)
        let checkpoints = CheckpointDirectory(path: checkpointDir)
        let lastStep = maxSteps ?? .max
        var progress = TrainingProgress()

        while progress.epoch < epochs, progress.step < lastStep {
            let (epoch, start) = (progress.epoch, Clock.seconds)
            var mean = Mean()
            for batch in data.batches(epoch: epoch).prefix(lastStep - progress.step) {
                let gradient = try trainer.gradient(of: batch)  // forward, backward, summed over all ranks
                let loss = gradient.loss
                try trainer.apply(gradient, learningRate: 0.001)

                mean.add(loss)
                if progress.stepInEpoch.isMultiple(of: 50) {
                    ranks.printOnRoot("Epoch \(epoch + 1) Batch \(progress.stepInEpoch) Loss \(decimals(loss, 4))")
                }
                progress.add(loss: loss)
            }
            if progress.stepInEpoch == data.stepsPerEpoch { progress.endEpoch() }

            ranks.printOnRoot()
            ranks.printOnRoot("Epoch \(epoch + 1) Loss: \(decimals(mean.value ?? .nan, 4))")
            ranks.printOnRoot("Time taken for 1 epoch \(decimals(Clock.seconds - start, 2)) sec")
            ranks.printOnRoot(String(repeating: "_", count: 80))

            let isLast = progress.epoch == epochs || progress.step == lastStep
            if isLast || progress.epoch.isMultiple(of: 5) {
                try trainer.save(to: checkpoints.file(for: progress), data: data, progress: progress)
            }
        }
    }

    private func decimals(_ value: some BinaryFloatingPoint, _ count: Int) -> String {
        String(format: "%.\(count)f", Double(value))
    }
}
