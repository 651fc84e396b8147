@testable import DTrainCore
import Foundation

@testable import DTrainDistributed

/// The same small training on one process and on ranks as threads.
final class TrainerRanksBench: Sendable {
    /// A user's training loop, which returns its final state.
    typealias Loop = @Sendable (Trainer) throws -> State

    /// The exact result of a training.
    struct State: Hashable, Sendable {
        /// The weights, then the optimizer's slots.
        var numbers: [[UInt32]]
        /// The training's progress, including its losses.
        var progress: TrainingProgress
    }

    let folder = FileManager.default.temporaryDirectory.appendingPathComponent("dtrain-\(UUID().uuidString)").path
    /// The data, with 11 steps per epoch.
    let data: SequenceDataset
    private let model: ModelConfiguration
    /// Three micro-batches, the last one partial.
    private let shape = Trainer.Shape(batchSize: 5, microBatchSize: 2, sequenceLength: 6)

    init() throws {
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        let text = String(repeating: "she sells sea shells by the sea shore\n", count: 11)
        try Data(text.utf8).write(to: URL(fileURLWithPath: "\(folder)/text.txt"))
        let corpus = try Corpus(path: "\(folder)/text.txt")
        data = try SequenceDataset(corpus: corpus, sequenceLength: 6, batchSize: 5, seed: 3)
        model = ModelConfiguration(embeddingDim: 4, rnnUnits: 9, vocabularySize: corpus.vocabulary.size)
    }

    deinit { try? FileManager.default.removeItem(atPath: folder) }

    /// The result of a loop on one process, without a communicator.
    func alone<Value>(_ loop: (Trainer) throws -> Value) throws -> Value {
        try loop(Trainer(model: model, shape: shape, threads: 2, seed: 1))
    }

    /// The results of a loop on each rank.
    func onRanks<Value: Sendable>(
        _ ranks: Int, seed: UInt64 = 1, _ loop: @escaping @Sendable (Trainer, _ rank: Int) throws -> Value
    ) throws -> [Value] {
        let results = try InMemoryCommunicator.run(ranks: ranks) { [model, shape] communicator in
            try loop(
                Trainer(model: model, shape: shape, threads: 1, seed: seed, ranks: communicator), communicator.rank)
        }
        return try results.map { try $0.get() }
    }

    /// The results, on each rank, of a loop that doesn't use its rank.
    func onRanks<Value: Sendable>(
        _ ranks: Int, _ loop: @escaping @Sendable (Trainer) throws -> Value
    ) throws -> [Value] {
        try onRanks(ranks) { trainer, _ in try loop(trainer) }
    }

    /// Trains up to a total number of steps.
    func train(
        _ trainer: Trainer, _ progress: inout TrainingProgress, to last: Int, loss: RowLoss = .crossEntropy
    ) throws {
        while progress.step < last {
            let rest = data.batches(epoch: progress.epoch, from: progress.stepInEpoch)
            for batch in rest.prefix(last - progress.step) {
                let gradient = try trainer.gradient(of: batch, loss: loss)
                progress.add(loss: gradient.loss)
                try trainer.apply(gradient, learningRate: 1e-2)
            }
            if progress.stepInEpoch == data.stepsPerEpoch { progress.endEpoch() }
        }
    }

    /// The weights, slots and progress.
    func state(_ trainer: Trainer, _ progress: TrainingProgress = TrainingProgress()) -> State {
        let buffers = [trainer.replica.parameters] + trainer.replica.optimizerState.slots
        return State(numbers: buffers.map { $0.elements.map(\.bitPattern) }, progress: progress)
    }
}
