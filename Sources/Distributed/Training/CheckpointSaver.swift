import DTrainCore

/// Saves the checkpoints of a training.
///
/// The training pauses only while its state is copied; rank 0 writes the copy in the background. A
/// failed save is reported, and the training continues. A save that is due while another is being
/// written waits for it.
final class CheckpointSaver {
    private let options: TrainingOptions
    private let directory: CheckpointDirectory
    private let corpus: Corpus
    private let validationChecksum: String?
    private let horizon: Int?
    private let agreement: ReplicaAgreement
    private let comparesReplicas: Bool
    /// The background writer; nil except on rank 0.
    private let writer: CheckpointWriter?
    /// The folder's lock; nil before `open` and except on rank 0.
    private var lock: CheckpointLock?
    /// Flushes other files before a checkpoint takes its name; called on the writer's thread.
    var flushLogs: (@Sendable () -> Void)?
    /// The last save, if it failed.
    private var failed: (job: CheckpointWriter.Job, error: DTrainError)?
    /// Whether the folder is open.
    private var isOpen = false
    /// The best checkpoint of a resumed training, to be copied after a point is in the folder.
    private var bestToCopy: MappedFile?

    /// The seconds between warnings while the training waits for the disk.
    private static let warningInterval = 10.0
    /// The seconds that a pending save gets after an error of this rank alone.
    private static let failureTimeout = 3.0

    /// Allocates memory for a copy of the state; collective.
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

    /// Creates the folder, removes leftovers of killed writers, and locks it; collective, before
    /// the first save.
    ///
    /// - Parameters:
    ///   - held: the folder's lock, if rank 0 holds it already.
    ///   - check: called on rank 0 after the lock is newly taken; throws if the folder has changed
    ///     in the meantime.
    func open(_ held: CheckpointLock? = nil, check: () throws -> Void = {}) throws {
        lock = try agreement.collectively {
            guard let writer else { return nil }
            try directory.prepare()
            if let held, held.isOn(directory) { return held }
            let lock = try CheckpointLock(directory, heartbeat: writer.heartbeat)
            try check()
            return lock
        }
        isOpen = true
    }

    /// Deletes an earlier training's checkpoints if the options say so: all, or those after the
    /// resumed one.
    ///
    /// Collective. Call this last before the training, so that no other error can follow the
    /// deletion.
    func removeEarlier(_ start: StartingPoint.Summary) throws {
        // The best checkpoint first: alone, it would be resumed after a kill.
        try agreement.collectively {
            guard let writer, options[.overwrite] || start.isResumed else { return }
            try directory.removeBest(
                after: start.isResumed ? start.progress.step : nil, heartbeat: writer.heartbeat)
        }
        try agreement.collectively {
            guard writer != nil, options[.overwrite] else { return }
            try directory.removeAll(after: start.isResumed ? CheckpointName(start.progress) : nil)
        }
    }

    /// Opens the best checkpoint of a resumed training, if it is missing in the folder; on rank 0, not
    /// collective.
    ///
    /// It is copied with the first save: alone in the folder, it would be resumed after a kill.
    func openBest(_ start: StartingPoint.Summary, report: (TrainingEvent) -> Void) {
        guard writer != nil, let path = start.bestCopy else { return }
        do {
            bestToCopy = try MappedFile(path: path, kind: "checkpoint")
        } catch {
            reportNotCopied(error, report)
        }
    }

    /// Copies the best checkpoint, if no save has done so, unless it would be alone in the folder.
    private func copyBest(with writer: CheckpointWriter, _ report: (TrainingEvent) -> Void) {
        guard let file = bestToCopy else { return }
        do {
            guard try !directory.list().isEmpty else { return }
            try CheckpointWriter.copy(file, to: directory.best, .system.beating(writer.heartbeat))
            bestToCopy = nil
        } catch {
            reportNotCopied(error, report)
        }
    }

    private func reportNotCopied(_ error: any Error, _ report: (TrainingEvent) -> Void) {
        report(.warning("'\(directory.best)' is not the checkpoint with the lowest loss: \(error)"))
    }

    /// The files that a save writes.
    enum Target {
        /// The checkpoint of the current step.
        case point
        /// The checkpoint with the lowest held-out loss.
        case best
        /// Both checkpoints.
        case pointAndBest
    }

    /// Copies the state after a step and starts to write it; collective.
    ///
    /// - Returns: the path of the file; for `pointAndBest`, that of the current step.
    /// - Throws: `CollectiveError` if the ranks' weights differ, or a weight or moment isn't
    ///   finite; nothing is written then.
    func save(
        _ progress: TrainingProgress, _ replica: Replica, _ states: StreamStates? = nil, to target: Target = .point,
        report: (TrainingEvent) -> Void
    ) throws -> String {
        let path = target == .best ? directory.best : directory.file(for: progress)
        try requireSameReplica(progress, replica)
        try agreement.collectively {
            guard let writer else { return }
            try wait(for: writer, report)
            try retryBest(writer, report)
            try replica.copyState(to: writer.snapshot)
            failed = nil
            writer.start(
                CheckpointWriter.Job(
                    paths: [path] + (target == .pointAndBest ? [directory.best] : []),
                    metadata: CheckpointMetadata(
                        kind: .training, model: replica.layout.configuration, settings: options.settings.stored,
                        arithmetic: replica.arithmetic.rawValue, horizon: horizon, vocabulary: corpus.vocabulary.tokens,
                        corpusChecksum: corpus.checksum, validationChecksum: validationChecksum, progress: progress),
                    states: states, keep: target == .best ? nil : options[.keep],
                    best: target == .point ? bestToCopy : nil, flushLogs: flushLogs))
        }
        return path
    }

    /// Retries a failed save of the best checkpoint, whose copy of the state the next save replaces.
    ///
    /// - Throws: an error that a later save can't fix.
    private func retryBest(_ writer: CheckpointWriter, _ report: (TrainingEvent) -> Void) throws {
        guard var job = failed?.job, job.paths.contains(directory.best) else { return }
        // The next save replaces the point itself.
        job.paths = [directory.best]
        failed = nil
        writer.start(job)
        try wait(for: writer, warnsOfFailure: false, report)
        guard let failed else { return }
        report(.warning("not saved: \(failed.error); '\(directory.best)' is not the checkpoint with the lowest loss"))
    }

    /// Checks that all ranks have the same weights after a step; collective.
    ///
    /// - Throws: `CollectiveError` naming the ranks that differ.
    func requireSameReplica(_ progress: TrainingProgress, _ replica: Replica) throws {
        guard comparesReplicas else { return }
        try agreement.requireSameReplica(
            UnsafeRawBufferPointer(replica.parameters.elements), "the weights after step \(progress.step)")
    }

    /// Reports the outcome of the last save if it has ended; on rank 0, not collective, never
    /// waits.
    func reportOutcome(to report: (TrainingEvent) -> Void) {
        guard let outcome = writer?.outcome(within: 0) else { return }
        handle(outcome, report)
    }

    /// Waits until the last save is on the disk, and retries it once if it failed.
    ///
    /// Collective, at the end of a training.
    ///
    /// - Throws: `CollectiveError` with `inputOutput` if it fails again.
    func finish(report: (TrainingEvent) -> Void) throws {
        try agreement.collectively {
            guard let writer else { return }
            try wait(for: writer, report)
            // A stop before the first step leaves the folder as it is.
            guard isOpen else { return }
            guard let last = failed else {
                copyBest(with: writer, report)
                return prune(report)
            }
            failed = nil
            writer.start(last.job)
            // A failure is thrown below.
            try wait(for: writer, warnsOfFailure: false, report)
            guard let failed else { return }
            let isBest = failed.job.paths == [directory.best]
            throw DTrainError(
                failed.error.category,
                "the \(isBest ? "best" : "last") checkpoint is not saved: \(failed.error.message)",
                hint: "then continue from the \(isBest ? "last" : "previous") checkpoint with `resume`")
        }
    }

    /// Deletes checkpoints beyond `keep`, which an earlier process may have left when it died
    /// before deleting them.
    private func prune(_ report: (TrainingEvent) -> Void) {
        do {
            if let keep = options[.keep] { try directory.prune(keeping: keep) }
        } catch {
            report(.warning("cannot delete older checkpoints: \(error)"))
        }
    }

    /// Lets a pending save finish after the training failed; on rank 0, not collective.
    ///
    /// After an error that all ranks share, this waits as long as the save takes. After an error of
    /// this rank alone the wait is short, because the error must reach the other ranks soon.
    func settle(after error: any Error, report: (TrainingEvent) -> Void) {
        guard let writer else { return }
        if error is CollectiveError {
            // The training's own error is the one to report.
            try? wait(for: writer, report)
        } else if let outcome = writer.outcome(within: Self.failureTimeout) {
            handle(outcome, report)
        }
    }

    /// Waits for the pending save and reports its outcome.
    ///
    /// - Throws: an error that a later save can't fix.
    private func wait(
        for writer: CheckpointWriter, warnsOfFailure: Bool = true, _ report: (TrainingEvent) -> Void
    ) throws {
        var waited = 0.0
        while writer.isBusy {
            if let outcome = writer.outcome(within: Self.warningInterval) {
                handle(outcome, warnsOfFailure: warnsOfFailure, report)
                break
            }
            waited += Self.warningInterval
            report(
                .warning(
                    "the training has waited \(Int(waited)) s for a checkpoint to reach the disk of "
                        + "'\(directory.path)'; check that disk"))
        }
        if let failed, failed.error.category != .inputOutput { throw failed.error }
    }

    private func handle(
        _ outcome: CheckpointWriter.Outcome, warnsOfFailure: Bool = true, _ report: (TrainingEvent) -> Void
    ) {
        switch outcome {
        case .saved(let job, let leftover, let uncopied):
            for path in job.paths { report(.saved(path: path, job.metadata.progress)) }
            if let uncopied { reportNotCopied(uncopied, report) } else { bestToCopy = nil }
            if let leftover { report(.warning("cannot delete older checkpoints: \(leftover)")) }
        case .failed(let rest, let written, let error):
            failed = (rest, error)
            for path in written { report(.saved(path: path, rest.metadata.progress)) }
            if warnsOfFailure { report(.warning("not saved: \(error); the next save retries")) }
        }
    }
}
