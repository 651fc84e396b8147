import DTrainCore
import Foundation
import Testing

@testable import DTrainDistributed

/// A suite of trainings with held-out data.
protocol HeldOutSuite {
    var bench: TrainingBench { get }
}

extension HeldOutSuite {
    func train(ranks: Int, _ options: TrainingOptions) throws {
        for outcome in try bench.train(ranks: ranks, options, beforeReduction: { _, _, _ in 0 }) {
            _ = try outcome.get()
        }
    }

    func options(in folder: String, _ change: (inout TrainingOptions) -> Void) -> TrainingOptions {
        var options = bench.options
        options[.checkpointDirectory] = "\(bench.folder)/\(folder)"
        options[.metrics] = "\(bench.folder)/\(folder).jsonl"
        change(&options)
        return options
    }

    func bytes(_ path: String) throws -> Data {
        try Data(contentsOf: URL(fileURLWithPath: "\(bench.folder)/\(path)"))
    }

    func validations(_ folder: String) throws -> [MetricsLine] {
        try String(contentsOfFile: "\(bench.folder)/\(folder).jsonl", encoding: .utf8).split(separator: "\n")
            .map { try JSONDecoder().decode(MetricsLine.self, from: Data($0.utf8)) }.filter {
                $0.validation_loss != nil
            }
    }

    /// Trains an epoch with measurements after each fifth step.
    func trainAnEpoch() throws -> TrainingOptions {
        let first = options(in: "run") { ($0[.validationSplit], $0[.validateEverySteps], $0[.epochs]) = (0.2, 5, 1) }
        try train(ranks: 1, first)
        return first
    }

    func record(_ file: String) throws -> ValidationProgress {
        try #require(try Checkpoint(path: "\(bench.folder)/\(file)").metadata.progress?.validation)
    }
}

/// A line of the metrics.
struct MetricsLine: Decodable, Equatable {
    let step: Int?
    let epoch: Int
    let validation_loss: Double?
}
