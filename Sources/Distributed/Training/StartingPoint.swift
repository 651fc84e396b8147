import DTrainCore
import FoundationEssentials

/// The start of a training, found by rank 0, which reads the files, and known to all ranks.
struct StartingPoint {
    /// What all ranks must know before they open their data; travels as JSON.
    struct Summary: Codable, Hashable {
        /// The model of the file, its vocabulary size included; nil for a fresh start.
        var model: ModelConfiguration?
        /// The vocabulary of the file, if it has one.
        var vocabulary: [String]?
        /// How far the training has come.
        var progress = TrainingProgress()
        /// The settings of a resumed training: the checkpoint's, with the changes that are allowed.
        var settings: Settings?
        /// A line for each setting that has changed.
        var changes: [String] = []
        /// The text of a resumed training.
        var corpusChecksum: String?
        /// The file, for messages.
        var path: String?

        /// Whether an earlier training continues.
        var isResumed: Bool { settings != nil }
    }

    /// Files that rank 0 has open; nil elsewhere.
    private enum Source {
        case fresh
        case weights(InitialWeights, path: String)
        case checkpoint(Checkpoint)
    }

    let summary: Summary
    private let source: Source

    /// Finds the start, and applies the rules for resuming to the options; collective, reads only.
    ///
    /// - Parameters:
    ///   - options: what was given.
    ///   - communicator: the ranks.
    ///   - report: gets, on rank 0, damaged checkpoints and a missing one.
    static func find(
        _ options: TrainingOptions, communicator: any Communicator, report: (TrainingEvent) -> Void
    ) throws -> StartingPoint {
        let (source, own) = try ReplicaAgreement(communicator).collectively {
            guard communicator.isRoot else { return (Source.fresh, Summary()) }
            let source = try open(options, communicator.heartbeat, report)
            return (source, try summary(of: source, options.settings))
        }
        let shared = try communicator.broadcast(Array(try JSONEncoder().encode(own)), from: 0)
        return StartingPoint(summary: try JSONDecoder().decode(Summary.self, from: Data(shared)), source: source)
    }

    private static func open(
        _ options: TrainingOptions, _ heartbeat: Heartbeat, _ report: (TrainingEvent) -> Void
    ) throws -> Source {
        let directory = CheckpointDirectory(path: options[.checkpointDirectory])
        switch options.start {
        case .weights(let path):
            if !options[.overwrite] { try directory.requireFresh() }
            return .weights(try InitialWeights(path: path, heartbeat: heartbeat), path: path)
        case .fresh:
            if !options[.overwrite] { try directory.requireFresh() }
            return .fresh
        case .resumeFrom(let path):
            let checkpoint = try training(Checkpoint(path: path, heartbeat: heartbeat))
            try requireNothingLater(in: directory, than: checkpoint, options)
            return .checkpoint(checkpoint)
        case .resume:
            let newest = try directory.newestValid(heartbeat: heartbeat) { report(.warning("passed over: \($0)")) }
            guard let newest else {
                let count = try directory.list().count
                guard count == 0 else {
                    throw DTrainError(
                        .badData, "all \(count) checkpoints in '\(directory.path)' are damaged",
                        hint: "restore one, or start anew with `overwrite`")
                }
                report(.notice("no checkpoint in '\(options[.checkpointDirectory])' yet: starting from the beginning"))
                return .fresh
            }
            return .checkpoint(try training(newest))
        }
    }

    private static func training(_ checkpoint: Checkpoint) throws -> Checkpoint {
        guard checkpoint.metadata.kind == .training else {
            throw DTrainError(
                .badData, "checkpoint '\(checkpoint.path)' is an exported generator without optimiser state",
                hint: "start a new training from it with `init`")
        }
        return checkpoint
    }

    /// Refuses a folder with later checkpoints, which would be mixed up with those to come.
    private static func requireNothingLater(
        in directory: CheckpointDirectory, than checkpoint: Checkpoint, _ options: TrainingOptions
    ) throws {
        guard !options[.overwrite], let progress = checkpoint.metadata.progress,
            let newest = try directory.list().first,
            newest > CheckpointName(progress)
        else { return }
        throw DTrainError(
            .usage,
            "folder '\(directory.path)' holds later checkpoints than '\(checkpoint.path)' (up to \(newest.fileName))",
            hint: "delete the later ones with `overwrite`, or name another folder")
    }

    private static func summary(of source: Source, _ given: Settings) throws -> Summary {
        var settings = given
        switch source {
        case .fresh: return Summary()
        case .weights(let weights, let path):
            try settings.take(sizesOf: weights.configuration, of: path)
            return Summary(model: weights.configuration, vocabulary: weights.vocabulary, path: path)
        case .checkpoint(let checkpoint):
            let metadata = checkpoint.metadata
            let changes = try settings.resume(
                from: metadata.settings ?? Settings(), model: metadata.model, of: checkpoint.path)
            return Summary(
                model: metadata.model, vocabulary: metadata.vocabulary,
                progress: metadata.progress ?? TrainingProgress(), settings: settings.stored, changes: changes,
                corpusChecksum: metadata.corpusChecksum, path: checkpoint.path)
        }
    }

    /// Fills in the replica's weights, optimiser slots and step count on all ranks; collective.
    func fill(_ replica: Replica, seed: UInt64, communicator: any Communicator) throws {
        try ReplicaAgreement(communicator).collectively {
            guard communicator.isRoot else { return }
            switch source {
            case .fresh:
                try InitialValues.fill(
                    replica.parameters.pointer, layout: replica.layout, seed: seed, heartbeat: communicator.heartbeat)
            case .weights(let weights, _): try weights.load(into: replica.parameters.pointer)
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
