import DTrainCore
import FoundationEssentials

/// The state that a training starts from: fresh weights, weights from a file, or a checkpoint.
///
/// Rank 0 reads the files and shares a summary with all ranks.
struct StartingPoint {
    /// The facts that all ranks need before they open their data; sent as JSON.
    struct Summary: Codable, Hashable {
        /// The model of the file, including its vocabulary size; nil for a fresh start.
        var model: ModelConfiguration?
        /// The vocabulary of the file, if it has one.
        var vocabulary: [String]?
        /// The progress of the training so far.
        var progress = TrainingProgress()
        /// The settings of a resumed training: the checkpoint's, with the allowed changes.
        var settings: Settings?
        /// The arithmetic of a resumed training; nil if the checkpoint doesn't record it.
        var arithmetic: String?
        /// The planned number of steps of a resumed training; nil if the checkpoint doesn't record
        /// it.
        var horizon: Int?
        /// The number of epochs of a resumed training before any change; nil if the checkpoint
        /// doesn't record it.
        var epochs: Int?
        /// A line for each changed setting.
        var changes: [String] = []
        /// The checksum of a resumed training's text.
        var corpusChecksum: String?
        /// The checksum of a resumed training's file of held-out data; nil if it had none.
        var validationChecksum: String?
        /// The path of the file, for messages.
        var path: String?
        /// The file that a resumed training copies to `ckpt_best`; nil if that needs no change.
        var bestCopy: String?
        /// Notices about the file, one line each.
        var remarks: [String] = []

        /// Whether this resumes an earlier training.
        var isResumed: Bool { settings != nil }

        /// Returns the number of steps that the training planned at its first start.
        ///
        /// - Parameters:
        ///   - options: the options in force.
        ///   - stepsPerEpoch: the number of steps per epoch.
        func horizon(_ options: TrainingOptions, stepsPerEpoch: Int) -> Int {
            if let horizon { return horizon }
            var settings = options.settings
            settings.take(.epochs, epochs)
            return settings.horizon(stepsPerEpoch: stepsPerEpoch)
        }
    }

    /// The files that rank 0 has open; `fresh` on the other ranks.
    private enum Source {
        case fresh
        case weights(InitialWeights, path: String)
        case checkpoint(Checkpoint)
        case closed
    }

    /// The open files, which `close` closes.
    private final class OpenFiles {
        var source: Source

        init(_ source: Source) { self.source = source }
    }

    let summary: Summary
    /// The lock that keeps other trainings from changing the checkpoint folder; on rank 0, if the
    /// folder exists.
    let lock: CheckpointLock?
    private let files: OpenFiles
    /// The files found in the folder; empty except on rank 0.
    private let found: Files

    /// The checkpoints of a folder.
    private struct Files: Equatable {
        var names: [CheckpointName] = []
        var hasBest = false

        init() {}

        init(_ directory: CheckpointDirectory) throws {
            (names, hasBest) = (try directory.list(), Folder.exists(directory.best))
        }
    }

    /// Finds the start and applies the rules for resuming to the options; collective, reads only.
    ///
    /// Locks the checkpoint folder first, if it exists. See `requireUnchanged` for a folder that is
    /// created later.
    ///
    /// - Parameters:
    ///   - options: the options that the user gave.
    ///   - communicator: the ranks.
    ///   - report: called on rank 0 with damaged and missing checkpoints.
    static func find(
        _ options: TrainingOptions, communicator: any Communicator, report: (TrainingEvent) -> Void
    ) throws -> StartingPoint {
        let directory = CheckpointDirectory(path: options[.checkpointDirectory])
        let (lock, found, source, own) = try ReplicaAgreement(communicator).collectively {
            guard communicator.isRoot else {
                return (CheckpointLock?.none, Files(), Source.fresh, Summary())
            }
            let lock = try CheckpointLock.ofExisting(directory, heartbeat: communicator.heartbeat)
            let source = try open(options, directory, communicator.heartbeat, report)
            return (
                lock, try Files(directory), source,
                try summary(of: source, options.settings, directory, communicator.heartbeat)
            )
        }
        let shared = try communicator.broadcast(Array(try JSONEncoder().encode(own)), from: 0)
        return StartingPoint(
            summary: try JSONDecoder().decode(Summary.self, from: Data(shared)), lock: lock, files: OpenFiles(source),
            found: found)
    }

    /// Returns the training's relation to lines that its metrics file already holds.
    func predecessor(_ options: TrainingOptions) -> EarlierMetrics.Predecessor {
        if summary.isResumed { return .saved(summary.progress) }
        if options.start == .resume { return .unsaved }
        return options[.overwrite] ? .discarded : .none
    }

    /// Checks, once the folder's lock is held, that its checkpoints haven't changed since `find`;
    /// on rank 0, not collective.
    ///
    /// - Throws: `DTrainError` if another training has meanwhile created the folder and saved to
    ///   it.
    func requireUnchanged(_ options: TrainingOptions) throws {
        let directory = CheckpointDirectory(path: options[.checkpointDirectory])
        guard try !options[.overwrite] && Files(directory) != found else { return }
        if !summary.isResumed, options.start != .resume { try directory.requireFresh() }
        throw DTrainError(
            .inputOutput, "another training has changed folder '\(directory.path)' since this one was started",
            hint: "run the same command again, or name another folder with `checkpoint-dir`")
    }

    private static func open(
        _ options: TrainingOptions, _ directory: CheckpointDirectory, _ heartbeat: Heartbeat,
        _ report: (TrainingEvent) -> Void
    ) throws -> Source {
        switch options.start {
        case .weights(let path):
            if !options[.overwrite] { try directory.requireFresh() }
            let weights = try InitialWeights(
                path: try CheckpointDirectory.newestFile(path) { report(.warning("skipped: \($0)")) },
                heartbeat: heartbeat)
            return .weights(weights, path: weights.path)
        case .fresh:
            if !options[.overwrite] { try directory.requireFresh() }
            return .fresh
        case .resumeFrom(let path):
            let file = try CheckpointDirectory.newestFile(path) { report(.warning("skipped: \($0)")) }
            let checkpoint = try training(Checkpoint(path: file, heartbeat: heartbeat))
            try requireNoLaterCheckpoints(in: directory, than: checkpoint, options, heartbeat)
            return .checkpoint(checkpoint)
        case .resume:
            let newest = try directory.newestValid(heartbeat: heartbeat) { report(.warning("skipped: \($0)")) }
            guard let newest else {
                let count = try max(directory.list().count, Folder.exists(directory.best) ? 1 : 0)
                guard count == 0 else {
                    throw DTrainError(
                        .badData, "all \(count) checkpoints in '\(directory.path)' are damaged",
                        hint: "restore one, or start a new training with `overwrite`")
                }
                report(.notice("no checkpoint in '\(options[.checkpointDirectory])' yet: starting a new training"))
                return .fresh
            }
            return .checkpoint(try training(newest))
        }
    }

    private static func training(_ checkpoint: Checkpoint) throws -> Checkpoint {
        guard checkpoint.metadata.kind == .training else {
            throw DTrainError(
                .badData, "checkpoint '\(checkpoint.path)' is an exported generator without optimizer state",
                hint: "start a new training from it with `init`")
        }
        return checkpoint
    }

    /// Refuses a folder with later checkpoints, which would mix with the new ones.
    private static func requireNoLaterCheckpoints(
        in directory: CheckpointDirectory, than checkpoint: Checkpoint, _ options: TrainingOptions,
        _ heartbeat: Heartbeat
    ) throws {
        guard !options[.overwrite], let progress = checkpoint.metadata.progress else { return }
        let later: String
        if let newest = try directory.list().first {
            guard newest > CheckpointName(progress) else { return }
            later = newest.fileName
        } else {
            let best = directory.readBest(heartbeat: heartbeat)?.metadata.progress
            guard let best, best.step > progress.step else { return }
            later = CheckpointDirectory.bestName
        }
        throw DTrainError(
            .usage,
            "folder '\(directory.path)' holds later checkpoints than '\(checkpoint.path)' (up to \(later))",
            hint: "delete the later ones with `overwrite`, or name another folder")
    }

    private static func summary(
        of source: Source, _ given: Settings, _ directory: CheckpointDirectory, _ heartbeat: Heartbeat
    ) throws -> Summary {
        var settings = given
        switch source {
        case .fresh, .closed: return Summary()
        case .weights(let weights, let path):
            try settings.take(sizesOf: weights.configuration, of: path)
            try requireSameTokens(weights, settings)
            return Summary(
                model: weights.configuration, vocabulary: weights.vocabulary, path: path, remarks: weights.remarks)
        case .checkpoint(let checkpoint):
            let metadata = checkpoint.metadata
            let changes = try settings.resume(
                from: metadata.settings ?? Settings(), model: metadata.model, of: checkpoint.path)
            let best = BestCheckpoint(of: checkpoint, in: directory, heartbeat: heartbeat)
            return Summary(
                model: metadata.model, vocabulary: metadata.vocabulary,
                progress: best.progress, settings: settings.stored,
                arithmetic: metadata.arithmetic, horizon: metadata.horizon,
                epochs: metadata.settings.flatMap { $0.isGiven(.epochs) ? $0[.epochs] : nil }, changes: changes,
                corpusChecksum: metadata.corpusChecksum, validationChecksum: metadata.validationChecksum,
                path: checkpoint.path, bestCopy: best.copy,
                remarks: checkpoint.remarks + [best.remark].compactMap(\.self))
        }
    }

    /// Refuses a `tokens` setting that contradicts the vocabulary of the weights.
    private static func requireSameTokens(_ weights: InitialWeights, _ given: Settings) throws {
        guard given.isGiven(.tokens), let tokens = weights.vocabulary else { return }
        let own = try Vocabulary(tokens: tokens).tokenization
        guard given[.tokens] != own else { return }
        throw DTrainError(
            .usage,
            "the vocabulary of '\(weights.path)' has `tokens` \(own.rawValue), not \(given[.tokens].rawValue)",
            hint: "leave it out")
    }

    /// Returns the states of a resumed training's streams; nil if it has none, and except on rank
    /// 0.
    ///
    /// Collective.
    func states(batchSize: Int, communicator: any Communicator) throws -> StreamStates? {
        try ReplicaAgreement(communicator).collectively {
            guard case .checkpoint(let checkpoint) = files.source else { return nil }
            return try checkpoint.states(batchSize: batchSize)
        }
    }

    /// Closes the files, once `fill` and `states` have read them.
    ///
    /// While a file is mapped, deleting it wouldn't free its space for the next checkpoint.
    func close() { files.source = .closed }

    /// Sets the replica's weights, optimizer slots and step count on all ranks; collective.
    func fill(_ replica: Replica, seed: UInt64, communicator: any Communicator) throws {
        try ReplicaAgreement(communicator).collectively {
            guard communicator.isRoot else { return }
            switch files.source {
            case .closed: preconditionFailure("the files are read once")
            case .fresh: try replica.fillInitialValues(seed: seed)
            case .weights(let weights, _): try replica.take(weights, seed: seed)
            case .checkpoint(let checkpoint):
                try checkpoint.load(parameters: replica.parameters.pointer)
                try checkpoint.load(optimizer: replica.optimizerState)
            }
        }
        try communicator.broadcast(UnsafeMutableRawBufferPointer(replica.parameters.elements), from: 0)
        if summary.isResumed {
            for slot in replica.optimizerState.slots {
                try communicator.broadcast(UnsafeMutableRawBufferPointer(slot.elements), from: 0)
            }
            replica.optimizerState.steps = summary.progress.step
        }
    }
}
