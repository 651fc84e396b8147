import DTrainCore
import Foundation
import Testing

@testable import DTrainDistributed

/// A folder with a text and a subfolder for checkpoints, deleted with this object.
final class SaverFolder: Sendable {
    static let text = "the quick brown fox jumps over the lazy dog"
    let path: String
    var checkpoints: String { "\(path)/checkpoints" }

    init(text: String = SaverFolder.text) throws {
        path = FileManager.default.temporaryDirectory.appendingPathComponent("dtrain-\(UUID().uuidString)").path
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
        try Data(text.utf8).write(to: URL(fileURLWithPath: "\(path)/text.txt"))
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }

    var names: [String] { get throws { try FileManager.default.contentsOfDirectory(atPath: checkpoints).sorted() } }
}

/// A saver of a small model, and its reported events.
final class SaverBench {
    let folder: SaverFolder
    let replica: Replica
    let saver: CheckpointSaver
    private(set) var events: [String] = []

    init(
        _ folder: SaverFolder, _ communicator: any Communicator, keep: Int? = nil, calls: FileCalls = .system,
        opens: Bool = true
    ) throws {
        self.folder = folder
        var options = TrainingOptions(data: "\(folder.path)/text.txt")
        options[.checkpointDirectory] = folder.checkpoints
        options[.keep] = keep
        let corpus = try Corpus(paths: options.data)
        replica = try Replica(
            Replica.Configuration(
                model: ModelConfiguration(embeddingDim: 2, rnnUnits: 3, vocabularySize: corpus.vocabulary.size),
                rankBatch: RankBatch(batchSize: 1, microBatchSize: 1, sequenceLength: 2, microBatches: 0..<1),
                optimizer: Adam(), threads: 1))
        try replica.fillInitialValues(seed: 1)
        saver = try CheckpointSaver(
            options, replica: replica, corpus: corpus, agreement: ReplicaAgreement(communicator),
            communicator: communicator, calls: calls)
        if opens { try saver.open() }
    }

    func path(_ name: String) -> String { "\(folder.checkpoints)/\(name)" }

    func note(_ event: TrainingEvent) {
        switch event {
        case .saved(let path, _): events.append("saved \(URL(fileURLWithPath: path).lastPathComponent)")
        case .warning(let text): events.append("warning \(text)")
        default: events.append("\(event)")
        }
    }

    func save(epoch: Int, to target: CheckpointSaver.Target = .point) throws {
        _ = try saver.save(
            TrainingProgress(epoch: epoch, step: epoch, epochLosses: Array(repeating: 1, count: epoch)), replica,
            to: target, report: note)
    }
}
