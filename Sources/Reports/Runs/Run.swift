import DTrainCore

/// A run, read from its metrics file and its checkpoints.
public struct Run: Sendable {
    /// The name in reports.
    public internal(set) var name: String
    /// The metrics file's contents; nil if there is none.
    public let metrics: RunMetrics?
    /// The folder of checkpoints; nil if there is none.
    public let folder: String?
    /// The checkpoints, oldest first, without damaged ones newer than `metadata`'s.
    public let checkpoints: [CheckpointName]
    /// The metadata of the newest valid checkpoint, or else of the best one.
    public let metadata: CheckpointMetadata?
    /// The number of the model's parameters; nil without a checkpoint.
    let parameterCount: Int?
    /// Remarks about the files, one line each.
    public let remarks: [String]

    /// The maximum number of runs on a page: the palette has no more colors.
    public static let maximumPerPage = 8
}

extension Run {
    /// Finds and reads the files of a run.
    ///
    /// - Parameter word: a metrics file or a folder of checkpoints. The other one is found by its
    ///   name: `RUN.jsonl` and folder `RUN`, or a single `.jsonl` inside the folder. `NAME=PATH`
    ///   also names the run.
    /// - Throws: `DTrainError` with `noInput` if there is nothing to read, `badData` for a named
    ///   file without metrics.
    public init(_ word: String) throws {
        let files = try RunFiles(word)
        var remarks: [String] = []
        let directory = files.folder.map(CheckpointDirectory.init)
        let newest = try directory.flatMap { try Self.newest($0, &remarks) }
        var metrics = try Self.metrics(files, &remarks)
        var folder = files.folder
        if let found = metrics, let newest, !Self.belong(found, newest.metadata) {
            remarks.append(
                "'\(found.path)' and the checkpoints in '\(files.folder ?? "")' belong to different runs (their losses of epoch 1 "
                    + "differ): only the given one is shown")
            if files.path == found.path { folder = nil } else { metrics = nil }
        }
        guard metrics != nil || newest != nil else {
            throw DTrainError(
                .badData,
                "folder '\(files.path)' holds neither metrics nor a valid checkpoint: \(remarks.first ?? "none was found")"
            )
        }
        let shown = folder == nil ? nil : newest
        let listed = try directory?.list() ?? []
        let sound = listed.drop { directory?.file($0) != shown?.path }
        self.init(
            name: files.name, metrics: metrics, folder: folder, checkpoints: Array(sound.reversed()),
            metadata: shown?.metadata, parameterCount: shown?.layout.count, remarks: remarks)
    }

    /// The newest valid checkpoint, or else the best one.
    private static func newest(_ directory: CheckpointDirectory, _ remarks: inout [String]) throws -> Checkpoint? {
        try directory.newestValid(report: { remarks.append("skipped: \($0)") }) ?? directory.readBest()
    }

    /// The metrics; nil if there is no file, or if a file that wasn't named holds none.
    private static func metrics(_ files: RunFiles, _ remarks: inout [String]) throws -> RunMetrics? {
        guard let path = files.metrics else { return nil }
        do {
            let metrics = try RunMetrics(path: path)
            if let remark = metrics.remark { remarks.append(remark) }
            return metrics
        } catch let error as DTrainError where path != files.path {
            remarks.append("skipped: \(error)")
            return nil
        }
    }

    /// Reads several runs; runs of the same name get their paths as names.
    ///
    /// - Throws: the errors of `init(_:)`.
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

    /// Whether both have the same loss of epoch 1, bit for bit; true if one lacks it.
    private static func belong(_ metrics: RunMetrics, _ metadata: CheckpointMetadata) -> Bool {
        guard let own = metrics.firstEpochLoss, let other = metadata.progress?.epochLosses.first else { return true }
        return own == other
    }

    /// The settings and model sizes; nil without a checkpoint.
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

    /// The lowest held-out loss; nil if none was measured.
    var best: HeldOutLoss? { metrics?.best ?? metadata?.bestHeldOut }

    /// The last held-out loss; nil if unknown.
    var latest: HeldOutLoss? { metrics?.best == nil ? metadata?.latestHeldOut : metrics?.latest }

    /// Optimizer steps and finished epochs.
    var steps: Int? { metrics.flatMap { $0.steps > 0 ? $0.steps : nil } ?? metadata?.progress?.step }
    var epochs: Int? { metrics.flatMap { $0.epochs > 0 ? $0.epochs : nil } ?? metadata?.progress?.epoch }
}
