import DTrainCore

/// What is known of a training from its metrics and its checkpoints.
public struct Run: Sendable {
    /// What reports call it.
    public internal(set) var name: String
    /// What its metrics file tells; nil where there is none.
    public let metrics: RunMetrics?
    /// The folder of its checkpoints; nil where there is none.
    public let folder: String?
    /// Its checkpoints, oldest first.
    public let checkpoints: [CheckpointName]
    /// What the newest sound checkpoint says of the training.
    public let metadata: CheckpointMetadata?
    /// The parameters of its model; nil where no checkpoint tells.
    let parameterCount: Int?
    /// What the user should know of the files, a line each.
    public let remarks: [String]

    /// The most trainings that a page shows side by side: more have no colours of their own.
    public static let mostOnAPage = 8

    /// Finds and reads the files of a training.
    ///
    /// - Parameter word: a metrics file or a folder of checkpoints, each found by the other's name: `RUN.jsonl` and folder `RUN`, or a
    ///   single `.jsonl` inside the folder. `NAME=PATH` also gives the training a name.
    /// - Throws: `DTrainError` with `noInput` where there is nothing to read, `badData` for a file without metrics.
    public init(_ word: String) throws {
        let files = try RunFiles(word)
        var remarks: [String] = []
        let directory = files.folder.map(CheckpointDirectory.init)
        let newest = try directory?.newestValid { remarks.append("passed over: \($0)") }
        var metrics = try files.metrics.map(RunMetrics.init(path:))
        if let metrics = metrics?.remark { remarks.append(metrics) }
        var folder = files.folder
        if let found = metrics, let newest, !Self.belong(found, newest.metadata) {
            remarks.append(
                "'\(found.path)' holds another training's losses than the checkpoints of '\(files.folder ?? "")': only what was named "
                    + "is shown")
            if files.path == found.path { folder = nil } else { metrics = nil }
        }
        guard metrics != nil || newest != nil else {
            throw DTrainError(
                .badData, "folder '\(files.path)' holds no sound checkpoint: \(remarks.first ?? "none was found")")
        }
        name = files.name
        self.metrics = metrics
        self.folder = folder
        self.remarks = remarks
        checkpoints = folder == nil ? [] : try directory?.list().reversed() ?? []
        metadata = folder == nil ? nil : newest?.metadata
        parameterCount = folder == nil ? nil : newest?.layout.count
    }

    /// Reads several trainings; those of one name are told apart by their paths.
    ///
    /// - Throws: as `init(_:)`.
    public static func all(_ words: [String]) throws -> [Run] {
        var runs = try words.map { try Run($0) }
        let names = runs.map(\.name)
        for (index, word) in words.enumerated() where names.count(where: { $0 == names[index] }) > 1 {
            runs[index].name = word
        }
        for index in runs.indices where runs[..<index].contains(where: { $0.name == runs[index].name }) {
            runs[index].name += " (\(index + 1))"
        }
        return runs
    }

    /// Whether the first epoch's loss is the same, to its last bit, as far as both know it.
    private static func belong(_ metrics: RunMetrics, _ metadata: CheckpointMetadata) -> Bool {
        guard let own = metrics.firstEpochLoss, let other = metadata.progress?.epochLosses.first else { return true }
        return own == other
    }

    /// The settings and sizes of the training; nil where no checkpoint tells.
    var settings: Settings? {
        guard let metadata, var settings = metadata.settings else { return nil }
        for size in Settings.modelSizes { size.read(metadata.model, into: &settings) }
        return settings
    }

    /// "characters" or "bytes".
    var units: String { settings?[.tokens].rawValue ?? "characters" }

    /// The mean loss of each epoch.
    var epochLoss: [(x: Double, y: Double)] {
        if let metrics, !metrics.epochLoss.isEmpty { return metrics.epochLoss.points }
        return Self.trace(metadata?.progress?.epochLosses ?? []).points
    }

    /// The held-out loss after each epoch.
    var epochHeldOut: [(x: Double, y: Double)] {
        if let metrics, !metrics.epochLoss.isEmpty { return metrics.epochHeldOut.points }
        return Self.trace(metadata?.progress?.validation?.epochLosses ?? []).points
    }

    private static func trace(_ losses: [Double]) -> Trace {
        var trace = Trace()
        for (index, loss) in losses.enumerated() { trace.add(loss, at: index + 1) }
        return trace
    }

    /// The least held-out loss, and the epoch in which it was measured.
    var best: (loss: Double, epoch: Int)? {
        if let best = metrics?.best { return best }
        guard let best = epochHeldOut.min(by: { $0.y < $1.y }) else { return nil }
        return (best.y, Int(best.x))
    }

    /// Optimiser steps and finished epochs.
    var steps: Int? { metrics.flatMap { $0.steps > 0 ? $0.steps : nil } ?? metadata?.progress?.step }
    var epochs: Int? { metrics.flatMap { $0.epochs > 0 ? $0.epochs : nil } ?? metadata?.progress?.epoch }
}
