import DTrainCore
import Foundation

@testable import DTrainDistributed

/// A small training on ranks as threads, in a folder that is deleted with this object.
final class TrainingBench: Sendable {
    /// A text of 26 steps per epoch.
    private static let text = String(
        repeating: "the quick brown fox jumps over the lazy dog and runs away.\n", count: 40)

    let folder = FileManager.default.temporaryDirectory.appendingPathComponent("dtrain-\(UUID().uuidString)").path

    init() throws {
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        try Data(Self.text.utf8).write(to: URL(fileURLWithPath: "\(folder)/text.txt"))
    }

    deinit { try? FileManager.default.removeItem(atPath: folder) }

    var options: TrainingOptions {
        var options = TrainingOptions(data: "\(folder)/text.txt")
        (options[.embeddingDim], options[.rnnUnits]) = (4, 8)
        options[.sequenceLength] = 10
        options[.batchSize] = 8
        options[.microBatchSize] = 2
        options[.epochs] = 2
        options[.checkpointDirectory] = "\(folder)/checkpoints"
        options[.metrics] = "\(folder)/metrics.jsonl"
        return options
    }

    /// The names of the checkpoints.
    var checkpoints: [String] {
        get throws { try FileManager.default.contentsOfDirectory(atPath: "\(folder)/checkpoints").sorted() }
    }

    /// The number of steps in the metrics.
    var steps: Int {
        get throws {
            try String(contentsOfFile: "\(folder)/metrics.jsonl", encoding: .utf8)
                .split(separator: "\n").filter { $0.contains("\"step\"") }.count
        }
    }

    /// Rewrites a checkpoint with changed metadata.
    func rewrite(_ path: String, _ change: (inout CheckpointMetadata) throws -> Void) throws {
        let checkpoint = try Checkpoint(path: path)
        let parameters = try AlignedBuffer<Float>(count: checkpoint.layout.count)
        let state = try OptimizerState(Adam(), count: checkpoint.layout.count)
        try checkpoint.load(parameters: parameters.pointer)
        try checkpoint.load(optimizer: state)
        var metadata = checkpoint.metadata
        try change(&metadata)
        try Checkpoint.write(
            to: path, metadata: metadata, layout: checkpoint.layout, parameters: parameters.pointer, optimizer: state)
    }

    /// Trains on each rank; returns the outcomes.
    ///
    /// `beforeReduction` is called on each rank in each step, and before each batch of held-out
    /// text, which counts as a step; it returns a signal.
    func train(
        ranks: Int, _ options: TrainingOptions,
        beforeReduction: @escaping @Sendable (_ rank: Int, _ step: Int, TrainingRun?) -> Int32
    ) throws -> [Result<Bool, any Error>] {
        try InMemoryCommunicator.run(ranks: ranks) { communicator in
            // The signal is polled once at the start, then in every step and held-out batch.
            nonisolated(unsafe) var (step, run) = (-1, nil as TrainingRun?)
            let plan = try TrainingPlan.make(options, communicator: communicator, defaultThreads: 1) { _ in }
            let training = try TrainingRun(
                plan,
                stopSignal: {
                    step += 1
                    return beforeReduction(communicator.rank, step, run)
                }, report: { _ in })
            run = training
            defer { run = nil }
            return try training.run()
        }
    }
}
