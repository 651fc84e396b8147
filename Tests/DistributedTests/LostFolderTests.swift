import DTrainCore
import Foundation
import Testing

@testable import DTrainDistributed

/// A training whose folder disappears during the run.
@Suite struct LostFolderTests {
    /// Trains 8 steps with a save after each; `react` receives the events.
    private func train(_ folder: SaverFolder, react: @escaping (TrainingEvent) throws -> Void = { _ in }) throws {
        var options = TrainingOptions(data: "\(folder.path)/text.txt")
        options[.checkpointDirectory] = folder.checkpoints
        (options[.embeddingDim], options[.rnnUnits]) = (2, 3)
        (options[.batchSize], options[.microBatchSize], options[.sequenceLength]) = (2, 1, 5)
        (options[.epochs], options[.maxSteps], options[.checkpointEverySteps]) = (9, 8, 1)
        var failure: (any Error)?
        let plan = try TrainingPlan.make(options, communicator: SoloCommunicator(), defaultThreads: 1) { _ in }
        let training = try TrainingRun(plan) { event in
            do { try react(event) } catch { failure = error }
        }
        defer { #expect(failure == nil) }
        try training.run()
    }

    @Test func savingResumesWhenTheFolderIsBack() throws {
        let (whole, lost) = (try SaverFolder(), try SaverFolder())
        try train(whole)
        let away = "\(lost.path)/away"
        var warnings: [String] = []
        try train(lost) { event in
            switch event {
            case .saved where !FileManager.default.fileExists(atPath: away) && warnings.isEmpty:
                try FileManager.default.moveItem(atPath: lost.checkpoints, toPath: away)
            case .warning(let text):
                warnings.append(text)
                guard FileManager.default.fileExists(atPath: away) else { return }
                try FileManager.default.moveItem(atPath: away, toPath: lost.checkpoints)
            default: break
            }
        }
        #expect(warnings.contains { $0.contains("ckpt_") && $0.contains("No such file or directory") }, "\(warnings)")
        let last = try #require(
            try CheckpointDirectory(path: whole.checkpoints).newestValid { Issue.record("\($0)") })
        let name = URL(fileURLWithPath: last.path).lastPathComponent
        #expect(
            try Data(contentsOf: URL(fileURLWithPath: last.path))
                == Data(contentsOf: URL(fileURLWithPath: "\(lost.checkpoints)/\(name)")))
    }

    @Test func aMissingFolderEndsTheTrainingWithAnInputOutputError() throws {
        let folder = try SaverFolder()
        var steps = 0
        let error = try #require(throws: CollectiveError.self) {
            try train(folder) { event in
                if case .step = event { steps += 1 }
                if case .saved = event { try FileManager.default.removeItem(atPath: folder.checkpoints) }
            }
        }
        #expect(steps == 8)
        #expect(error.error.category == .inputOutput)
        #expect(error.description.contains("No such file or directory"), "\(error)")
    }
}
