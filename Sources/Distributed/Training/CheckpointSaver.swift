import Core

/// Writes the checkpoints of a training, on rank 0.
struct CheckpointSaver {
    private let options: TrainingOptions
    private let directory: CheckpointDirectory
    private let corpus: Corpus
    private let agreement: ReplicaAgreement
    private let isRoot: Bool

    /// Makes the folder ready; collective.
    init(
        _ options: TrainingOptions, corpus: Corpus, agreement: ReplicaAgreement, communicator: any Communicator
    ) throws {
        self.options = options
        self.corpus = corpus
        self.agreement = agreement
        isRoot = communicator.isRoot
        let directory = CheckpointDirectory(path: options.checkpointDirectory)
        self.directory = directory
        try agreement.collectively {
            if communicator.isRoot { try directory.prepare() }
        }
    }

    /// Deletes an earlier training's checkpoints where that is asked for: all, or those later than the one that is resumed
    /// from.
    ///
    /// Collective, and last before the training: whatever else can fail has not failed.
    func removeEarlier(_ start: StartingPoint.Summary) throws {
        try agreement.collectively {
            guard isRoot, options.overwrite else { return }
            try directory.removeAll(after: start.isResumed ? CheckpointName(start.progress) : nil)
        }
    }

    /// Saves the state after a step; collective, since a failure ends all ranks.
    ///
    /// - Returns: the file.
    /// - Throws: `CollectiveError` when the ranks' weights differ, when a weight or moment isn't a finite number, or when
    ///   writing fails; nothing is written in the first two cases.
    @discardableResult
    func save(_ progress: TrainingProgress, _ replica: Replica, report: (TrainingEvent) -> Void) throws -> String {
        let path = directory.file(for: progress)
        try requireSameReplica(progress, replica)
        try agreement.collectively {
            guard isRoot else { return }
            try requireFinite(replica, step: progress.step)
            try Checkpoint.write(
                to: path,
                metadata: CheckpointMetadata(
                    kind: .training, model: replica.layout.configuration, settings: options.settings,
                    vocabulary: corpus.vocabulary.tokens, corpusChecksum: corpus.checksum, progress: progress),
                layout: replica.layout, parameters: replica.parameters.pointer,
                moments: (m: UnsafePointer(replica.adam.m.pointer), v: UnsafePointer(replica.adam.v.pointer)))
            if let keep = options.keep { try directory.prune(keeping: keep) }
        }
        report(.saved(path: path))
        return path
    }

    /// Checks that all ranks have the same weights after a step; collective.
    ///
    /// - Throws: `CollectiveError` that names the ranks that differ.
    func requireSameReplica(_ progress: TrainingProgress, _ replica: Replica) throws {
        try agreement.requireSameReplica(
            UnsafeRawBufferPointer(replica.parameters.elements), "the weights after step \(progress.step)")
    }

    private func requireFinite(_ replica: Replica, step: Int) throws {
        for (buffer, kind) in [
            (replica.parameters, "weights"), (replica.adam.m, "first moments"), (replica.adam.v, "second moments"),
        ] {
            guard let name = replica.layout.firstNonFinite(in: buffer.pointer) else { continue }
            throw DTrainError(
                .badData,
                "the \(kind) of \(name) are not finite numbers after step \(step), so they are not saved; lower "
                    + "--learning-rate and go on from the last checkpoint with --resume")
        }
    }
}
