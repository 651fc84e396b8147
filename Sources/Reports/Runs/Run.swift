import DTrainCore

/// What is known of a training from its metrics and its checkpoints.
public struct Run: Sendable {
    /// What reports call it.
    public internal(set) var name: String
    /// What its metrics file tells; nil where there is none.
    public let metrics: RunMetrics?
    /// The folder of its checkpoints; nil where there is none.
    public let folder: String?
    /// Its checkpoints, oldest first, without the damaged ones that are newer than `metadata`.
    public let checkpoints: [CheckpointName]
    /// What the newest sound checkpoint, or else the best one, says of the training.
    public let metadata: CheckpointMetadata?
    /// The parameters of its model; nil where no checkpoint tells.
    let parameterCount: Int?
    /// What the user should know of the files, a line each.
    public let remarks: [String]

    /// The most trainings that a page shows side by side: more have no colours of their own.
    public static let mostOnAPage = 8
}

extension Run {
    /// Finds and reads the files of a training.
    ///
    /// - Parameter word: a metrics file or a folder of checkpoints, each found by the other's name: `RUN.jsonl` and folder `RUN`, or a
    ///   single `.jsonl` inside the folder. `NAME=PATH` also gives the training a name.
    /// - Throws: `DTrainError` with `noInput` where there is nothing to read, `badData` for a named file without metrics.
    public init(_ word: String) throws {
        let files = try RunFiles(word)
        var remarks: [String] = []
        let directory = files.folder.map(CheckpointDirectory.init)
        let newest = try directory.flatMap { try Self.newest($0, &remarks) }
        var metrics = try Self.metrics(files, &remarks)
        var folder = files.folder
        if let found = metrics, let newest, !Self.belong(found, newest.metadata) {
            remarks.append(
                "'\(found.path)' and the checkpoints in '\(files.folder ?? "")' are of different trainings (their losses of epoch 1 "
                    + "differ): only what was named is shown")
            if files.path == found.path { folder = nil } else { metrics = nil }
        }
        guard metrics != nil || newest != nil else {
            throw DTrainError(
                .badData,
                "folder '\(files.path)' holds neither metrics nor a sound checkpoint: \(remarks.first ?? "none was found")"
            )
        }
        let shown = folder == nil ? nil : newest
        let listed = try directory?.list() ?? []
        let sound = listed.drop { directory?.file($0) != shown?.path }
        self.init(
            name: files.name, metrics: metrics, folder: folder, checkpoints: Array(sound.reversed()),
            metadata: shown?.metadata, parameterCount: shown?.layout.count, remarks: remarks)
    }

    /// The newest sound checkpoint, else the best one.
    private static func newest(_ directory: CheckpointDirectory, _ remarks: inout [String]) throws -> Checkpoint? {
        if let newest = try directory.newestValid(report: { remarks.append("passed over: \($0)") }) { return newest }
        guard Folder.exists(directory.best) else { return nil }
        do {
            return try Checkpoint(path: directory.best)
        } catch let error as DTrainError {
            remarks.append("passed over: \(error)")
            return nil
        }
    }

    /// The metrics; nil where there are none, or where a file that wasn't named holds none.
    private static func metrics(_ files: RunFiles, _ remarks: inout [String]) throws -> RunMetrics? {
        guard let path = files.metrics else { return nil }
        do {
            let metrics = try RunMetrics(path: path)
            if let remark = metrics.remark { remarks.append(remark) }
            return metrics
        } catch let error as DTrainError where path != files.path {
            remarks.append("passed over: \(error)")
            return nil
        }
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
    var epochLoss: Trace {
        if let metrics, !metrics.epochLoss.isEmpty { return metrics.epochLoss }
        return Self.trace(metadata?.progress?.epochLosses ?? [])
    }

    /// The held-out loss after each epoch.
    var epochHeldOut: Trace {
        if let metrics, !metrics.epochLoss.isEmpty { return metrics.epochHeldOut }
        return Self.trace(metadata?.progress?.validation?.epochLosses ?? [])
    }

    private static func trace(_ losses: [Double]) -> Trace {
        var trace = Trace()
        for (index, loss) in losses.enumerated() { trace.add(loss, at: index + 1) }
        return trace
    }

    /// The least held-out loss; nil where none was measured.
    var best: HeldOutLoss? { metrics?.best ?? metadata?.bestHeldOut }

    /// The last held-out loss; nil where it isn't known.
    var latest: HeldOutLoss? { metrics?.best == nil ? metadata?.latestHeldOut : metrics?.latest }

    /// Optimiser steps and finished epochs.
    var steps: Int? { metrics.flatMap { $0.steps > 0 ? $0.steps : nil } ?? metadata?.progress?.step }
    var epochs: Int? { metrics.flatMap { $0.epochs > 0 ? $0.epochs : nil } ?? metadata?.progress?.epoch }
}
