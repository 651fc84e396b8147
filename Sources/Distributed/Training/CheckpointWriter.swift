import DTrainCore
import Glibc

/// Writes snapshots to the disk on a background thread, one checkpoint at a time.
///
/// All methods are called from one thread, except `write`, which runs in the background.
final class CheckpointWriter {
    /// One checkpoint to write.
    struct Job: Sendable {
        /// The files, which get the same content one after another; at least one.
        var paths: [String]
        let metadata: CheckpointMetadata
        /// The states of streams; nil without streams.
        let states: StreamStates?
        /// The number of checkpoints to keep; nil for all.
        var keep: Int?
        /// A file to copy to the best checkpoint after the first one is written; nil for none.
        var best: MappedFile?
        /// Flushes other files before the checkpoint takes its name.
        let flushLogs: (@Sendable () -> Void)?
    }

    /// The result of a job.
    enum Outcome: Sendable {
        /// The file is on the disk; `leftover` is the error that kept older ones from being
        /// deleted.
        ///
        /// `uncopied` is the error that kept `best` from being copied.
        case saved(Job, leftover: DTrainError?, uncopied: DTrainError?)
        /// `rest` has the files that are missing, and `written` the others.
        case failed(rest: Job, written: [String], DTrainError)
    }

    /// The state to write; must not change while `isBusy`.
    let snapshot: CheckpointSnapshot
    private let directory: CheckpointDirectory
    private let calls: FileCalls
    /// Beats whenever the disk accepts bytes, so a slow disk isn't taken for a stall.
    let heartbeat: Heartbeat
    private let box = OutcomeBox()
    private(set) var isBusy = false

    init(
        snapshot: CheckpointSnapshot, directory: CheckpointDirectory, calls: FileCalls, heartbeat: Heartbeat
    ) {
        (self.snapshot, self.directory, self.heartbeat) = (snapshot, directory, heartbeat)
        self.calls = calls.beating(heartbeat)
    }

    /// Starts to write the snapshot; requires that no other job is in progress.
    func start(_ job: Job) {
        precondition(!isBusy, "one checkpoint is written at a time")
        isBusy = true
        let (snapshot, directory, calls, box) = (snapshot, directory, calls, box)
        let work: @Sendable () -> Void = {
            box.put(Self.write(job, snapshot, directory, calls))
        }
        // Without a background thread the training waits, which is better than no checkpoint.
        guard let thread = try? BlockingThread(blockingSignals(during: work)) else { return work() }
        thread.detach()
    }

    /// Waits up to `seconds` for the job to end, and returns its outcome once.
    ///
    /// - Returns: nil if the job is still in progress, or there is none.
    func outcome(within seconds: Double) -> Outcome? {
        guard isBusy, let outcome = box.take(seconds: seconds) else { return nil }
        isBusy = false
        return outcome
    }

    private static func write(
        _ job: Job, _ snapshot: CheckpointSnapshot, _ directory: CheckpointDirectory, _ calls: FileCalls
    ) -> Outcome {
        var calls = calls
        let rename = calls.rename
        calls.rename = { old, new in
            job.flushLogs?()
            return rename(old, new)
        }
        var rest = job
        var (leftover, uncopied): (DTrainError?, DTrainError?)
        while let path = rest.paths.first {
            do {
                try snapshot.write(to: path, metadata: job.metadata, states: job.states, with: calls)
            } catch {
                return .failed(
                    rest: rest, written: Array(job.paths.dropLast(rest.paths.count)), asDTrainError(error))
            }
            rest.paths.removeFirst()
            uncopied = attempt { if let file = rest.best { try copy(file, to: directory.best, calls) } } ?? uncopied
            // This frees space for the next file.
            leftover =
                attempt { if let keep = rest.keep { try directory.prune(keeping: keep, written: path) } } ?? leftover
            (rest.best, rest.keep) = (nil, nil)
        }
        return .saved(job, leftover: leftover, uncopied: uncopied)
    }

    /// Copies a file; used by the saver, too.
    static func copy(_ file: MappedFile, to path: String, _ calls: FileCalls) throws {
        try AtomicFile.write(to: path, with: calls) { try $0.write(file.bytes) }
    }

    private static func attempt(_ body: () throws -> Void) -> DTrainError? {
        do {
            try body()
            return nil
        } catch {
            return asDTrainError(error)
        }
    }

    private static func asDTrainError(_ error: any Error) -> DTrainError {
        error as? DTrainError ?? DTrainError(.internal, "\(error)")
    }
}

extension FileCalls {
    /// Returns the same calls, with a heartbeat for each one that makes progress.
    func beating(_ heartbeat: Heartbeat) -> FileCalls {
        var calls = self
        let (write, flush) = (write, flush)
        calls.write = { descriptor, bytes in
            let written = write(descriptor, bytes)
            if written > 0 { heartbeat.beat() }
            return written
        }
        calls.flush = { descriptor in
            let result = flush(descriptor)
            if result == 0 { heartbeat.beat() }
            return result
        }
        return calls
    }
}

/// Hands an outcome from one thread to another.
private final class OutcomeBox: @unchecked Sendable {
    private let monitor = Monitor()
    // Under the monitor's lock.
    private var outcome: CheckpointWriter.Outcome?

    func put(_ outcome: CheckpointWriter.Outcome) {
        monitor.locked {
            self.outcome = outcome
            monitor.wakeAll()
        }
    }

    func take(seconds: Double) -> CheckpointWriter.Outcome? {
        monitor.locked {
            // With 0 seconds, as after each step, this doesn't read the clock.
            guard outcome != nil || seconds > 0 && monitor.wait(seconds: seconds, until: { outcome != nil }) else {
                return nil
            }
            defer { outcome = nil }
            return outcome
        }
    }
}

/// Returns `work` with all signals blocked.
///
/// The training's thread handles them; here they would interrupt system calls.
private func blockingSignals(during work: @escaping @Sendable () -> Void) -> @Sendable () -> Void {
    {
        var all = sigset_t()
        sigfillset(&all)
        pthread_sigmask(SIG_BLOCK, &all, nil)
        work()
    }
}
