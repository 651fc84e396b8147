import DTrainCore
import Glibc

/// Writes a snapshot to the disk on a thread of its own, one checkpoint at a time.
///
/// Called from one thread; only `write` runs on the other.
final class CheckpointWriter {
    /// What to write, and where.
    struct Job: Sendable {
        let path: String
        /// A second file for the same; nil for none.
        let copy: String?
        let metadata: CheckpointMetadata
        /// The states of streams; nil without streams.
        let states: StreamStates?
        /// How many checkpoints stay; nil for all.
        let keep: Int?
        /// What must be on the disk before the file takes its name.
        let first: (@Sendable () -> Void)?
    }

    /// How writing ended.
    enum Outcome: Sendable {
        /// The file is safe; `leftover` says why older ones could not be deleted.
        case saved(Job, leftover: DTrainError?)
        case failed(Job, DTrainError)
    }

    /// What is written; not to be touched while `isBusy`.
    let snapshot: CheckpointSnapshot
    private let directory: CheckpointDirectory
    private let calls: FileCalls
    /// Shows that the disk takes what is written, however slowly.
    let heartbeat: Heartbeat
    private let box = OutcomeBox()
    private(set) var isBusy = false

    init(
        snapshot: CheckpointSnapshot, directory: CheckpointDirectory, calls: FileCalls, heartbeat: Heartbeat
    ) {
        (self.snapshot, self.directory, self.heartbeat) = (snapshot, directory, heartbeat)
        self.calls = calls.beating(heartbeat)
    }

    /// Starts to write the snapshot; nothing else may be being written.
    func start(_ job: Job) {
        precondition(!isBusy, "one checkpoint is written at a time")
        isBusy = true
        let (snapshot, directory, calls, box) = (snapshot, directory, calls, box)
        let work: @Sendable () -> Void = {
            box.put(Self.write(job, snapshot, directory, calls))
        }
        // Without another thread the training waits, which is better than no checkpoint.
        guard let thread = try? WaitingThread(blockingSignals(during: work)) else { return work() }
        thread.detach()
    }

    /// The outcome, once, when writing ends within that many seconds; nil when it doesn't, or nothing is being written.
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
            job.first?()
            return rename(old, new)
        }
        do {
            for path in [job.path] + (job.copy.map { [$0] } ?? []) {
                try snapshot.write(to: path, metadata: job.metadata, states: job.states, with: calls)
            }
        } catch {
            return .failed(job, error as? DTrainError ?? DTrainError(.internal, "\(error)"))
        }
        do {
            if let keep = job.keep { try directory.prune(keeping: keep, written: job.path) }
            return .saved(job, leftover: nil)
        } catch {
            return .saved(job, leftover: error as? DTrainError ?? DTrainError(.internal, "\(error)"))
        }
    }
}

extension FileCalls {
    /// The same calls; each one that gets on shows it.
    fileprivate func beating(_ heartbeat: Heartbeat) -> FileCalls {
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
            // Without asking the clock, which is what each step would do.
            guard outcome != nil || seconds > 0 && monitor.wait(seconds: seconds, until: { outcome != nil }) else {
                return nil
            }
            defer { outcome = nil }
            return outcome
        }
    }
}

/// Work during which the thread takes no signals: they are the training's, and would interrupt system calls.
private func blockingSignals(during work: @escaping @Sendable () -> Void) -> @Sendable () -> Void {
    {
        var all = sigset_t()
        sigfillset(&all)
        pthread_sigmask(SIG_BLOCK, &all, nil)
        work()
    }
}
