import DTrainCore

/// Saves the checkpoints of a training: a step is held up for the copy of its state, and rank 0 writes in the background.
///
/// A save that fails is reported and the training goes on; the next one tries again. One that is due while another is
/// still being written waits for it.
final class CheckpointSaver {
    private let options: TrainingOptions
    private let directory: CheckpointDirectory
    private let corpus: Corpus
    private let validationChecksum: String?
    private let horizon: Int?
    private let agreement: ReplicaAgreement
    private let comparesReplicas: Bool
    /// On rank 0.
    private let writer: CheckpointWriter?
    /// On rank 0, once the folder is open.
    private var lock: CheckpointLock?
    /// What must be on the disk before a checkpoint is; called on another thread.
    var first: (@Sendable () -> Void)?
    /// The last save, where it failed.
    private var failed: (job: CheckpointWriter.Job, error: DTrainError)?

    /// Seconds after which a training that waits for the disk says so.
    private static let patience = 10.0
    /// Seconds that a training of which this rank alone has failed leaves to the disk.
    private static let lastWait = 3.0

    /// Allocates the memory for a copy of the state; collective.
    init(
        _ options: TrainingOptions, replica: Replica, corpus: Corpus, validationChecksum: String? = nil,
        horizon: Int? = nil, agreement: ReplicaAgreement, communicator: any Communicator, calls: FileCalls = .system
    ) throws {
        self.options = options
        self.corpus = corpus
        self.validationChecksum = validationChecksum
        self.horizon = horizon
        self.agreement = agreement
        comparesReplicas = communicator.size > 1
        let directory = CheckpointDirectory(path: options[.checkpointDirectory])
        self.directory = directory
        writer = try agreement.collectively {
            guard communicator.isRoot else { return nil }
            return CheckpointWriter(
                snapshot: try CheckpointSnapshot(of: replica), directory: directory, calls: calls,
                heartbeat: communicator.heartbeat)
        }
    }

    /// Creates the folder, removes what killed writers left in it, and locks it; collective, before the first save.
    ///
    /// - Parameters:
    ///   - held: the folder's lock where rank 0 has it already.
    ///   - check: called on rank 0 when the lock was only taken now; throws when the folder isn't as it was.
    func open(_ held: CheckpointLock? = nil, check: () throws -> Void = {}) throws {
        lock = try agreement.collectively {
            guard let writer else { return nil }
            try directory.prepare()
            if let held, held.isOn(directory) { return held }
            let lock = try CheckpointLock(directory, heartbeat: writer.heartbeat)
            try check()
            return lock
        }
    }

    /// Deletes an earlier training's checkpoints where that is asked for: all, or those later than the one that is resumed
    /// from.
    ///
    /// Collective, and last before the training: whatever else can fail has not failed.
    func removeEarlier(_ start: StartingPoint.Summary) throws {
        try agreement.collectively {
            guard writer != nil, options[.overwrite] else { return }
            try directory.removeAll(after: start.isResumed ? CheckpointName(start.progress) : nil)
        }
        try agreement.collectively {
            guard writer != nil, options[.overwrite] || start.isResumed || options.start == .resume else { return }
            try directory.removeBest(after: start.isResumed ? start.progress.step : nil)
        }
    }

    /// The files that a save writes.
    enum Target {
        /// The checkpoint of a point in the training.
        case point
        /// The checkpoint with the least held-out loss.
        case best
        /// Both.
        case pointAndBest
    }

    /// Takes the state after a step and starts to write it; collective.
    ///
    /// - Returns: the file, of two that of the point in the training.
    /// - Throws: `CollectiveError` when the ranks' weights differ or a weight or moment isn't a finite number; nothing is
    ///   written then.
    func save(
        _ progress: TrainingProgress, _ replica: Replica, _ states: StreamStates? = nil, to target: Target = .point,
        report: (TrainingEvent) -> Void
    ) throws -> String {
        let path = target == .best ? directory.best : directory.file(for: progress)
        try requireSameReplica(progress, replica)
        try agreement.collectively {
            guard let writer else { return }
            try wait(for: writer, report)
            try replica.copyState(to: writer.snapshot)
            failed = nil
            writer.start(
                CheckpointWriter.Job(
                    path: path, copy: target == .pointAndBest ? directory.best : nil,
                    metadata: CheckpointMetadata(
                        kind: .training, model: replica.layout.configuration, settings: options.settings.stored,
                        arithmetic: replica.arithmetic.rawValue, horizon: horizon, vocabulary: corpus.vocabulary.tokens,
                        corpusChecksum: corpus.checksum, validationChecksum: validationChecksum, progress: progress),
                    states: states, keep: target == .best ? nil : options[.keep], first: first))
        }
        return path
    }

    /// Checks that all ranks have the same weights after a step; collective.
    ///
    /// - Throws: `CollectiveError` that names the ranks that differ.
    func requireSameReplica(_ progress: TrainingProgress, _ replica: Replica) throws {
        guard comparesReplicas else { return }
        try agreement.requireSameReplica(
            UnsafeRawBufferPointer(replica.parameters.elements), "the weights after step \(progress.step)")
    }

    /// Reports how the last save ended, once that is known; on rank 0, not collective, and without waiting.
    func tellOutcome(report: (TrainingEvent) -> Void) {
        guard let outcome = writer?.outcome(within: 0) else { return }
        note(outcome, report)
    }

    /// Waits until the last save is on the disk, trying once more if it failed; collective, and last in a training.
    ///
    /// - Throws: `CollectiveError` with `inputOutput` when it failed again.
    func finish(report: (TrainingEvent) -> Void) throws {
        try agreement.collectively {
            guard let writer else { return }
            try wait(for: writer, report)
            guard let last = failed else { return prune(report) }
            failed = nil
            writer.start(last.job)
            try wait(for: writer) { event in
                // Its failure is the error below.
                if case .saved = event { report(event) }
            }
            guard let failed else { return }
            throw DTrainError(
                failed.error.category, "the last checkpoint is not saved: \(failed.error.message)",
                hint: "then go on from the one before with `resume`")
        }
    }

    /// Deletes what a process that died between writing and deleting has left.
    private func prune(_ report: (TrainingEvent) -> Void) {
        do {
            if let keep = options[.keep] { try directory.prune(keeping: keep) }
        } catch {
            report(.warning("older checkpoints stay: \(error)"))
        }
    }

    /// Lets a save that is being written come to its end, when the training has failed; on rank 0, not collective.
    ///
    /// Of an error that all ranks know of, nobody waits in vain; one of this rank alone must become known soon.
    func settle(after error: any Error, report: (TrainingEvent) -> Void) {
        guard let writer else { return }
        if error is CollectiveError {
            // The training's own error is the one to report.
            try? wait(for: writer, report)
        } else if let outcome = writer.outcome(within: Self.lastWait) {
            note(outcome, report)
        }
    }

    /// Waits for the disk and reports the outcome.
    ///
    /// - Throws: what no later save can make good.
    private func wait(for writer: CheckpointWriter, _ report: (TrainingEvent) -> Void) throws {
        var waited = 0.0
        while writer.isBusy {
            if let outcome = writer.outcome(within: Self.patience) {
                note(outcome, report)
                break
            }
            waited += Self.patience
            report(
                .warning(
                    "the training waits for a checkpoint that has not reached the disk of '\(directory.path)' for "
                        + "\(Int(waited)) s; look at that disk"))
        }
        if let failed, failed.error.category != .inputOutput { throw failed.error }
    }

    private func note(_ outcome: CheckpointWriter.Outcome, _ report: (TrainingEvent) -> Void) {
        switch outcome {
        case .saved(let job, let leftover):
            for path in [job.path] + [job.copy].compactMap(\.self) { report(.saved(path: path, job.metadata.progress)) }
            if let leftover { report(.warning("older checkpoints stay: \(leftover)")) }
        case .failed(let job, let error):
            failed = (job, error)
            report(.warning("not saved: \(error); the next save tries again"))
        }
    }
}
