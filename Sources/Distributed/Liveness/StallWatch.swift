import DTrainCore
import Glibc

/// A watch over all ranks, on its own thread, which reports a lost or stalled rank or a dead
/// launcher and ends the job.
///
/// The thread makes no MPI calls. It reads memory shared by the ranks of a host, and a TCP
/// connection from each rank to rank 0. When it ends this process, the launcher ends the others.
final class StallWatch: @unchecked Sendable {
    private let rank: Int
    private let seconds: Int?
    private let launcher: LauncherWatch?
    private let wake: WakePipe
    private let monitor = Monitor()
    private var thread: BlockingThread?
    // Under the monitor's lock.
    private var own: LivenessRecord
    private var waited = 0.0
    private var operation: StaticString?
    private var connections: Connections?
    private var isStopped = false
    /// The exit code, once this process has announced that it ends the job.
    private var endCode: Int32?
    /// Whether the watching thread may be using `connections`.
    private var isInRound = false
    private var stage = Stage.startUp
    // Used by the watching thread only.
    private var observer: JobObserver?
    private let pause: Double

    /// The stage of the job, for messages.
    private enum Stage: String { case startUp = "in start-up", work = "during training", end = "at the end of the job" }

    /// The seconds that `MPI_Abort` has to end the process.
    private static let abortTimeout = 3.0

    /// The connections between the ranks, once established.
    private struct Connections {
        let heartbeat: Heartbeat
        let shared: any HostRecords
        let lifeline: (any Lifeline)?
        let names: [String]
    }

    /// Starts the thread, before MPI is initialized; `stop` ends it.
    ///
    /// - Parameters:
    ///   - rank: this rank's number according to the launcher.
    ///   - size: the number of ranks according to the launcher.
    ///   - seconds: the time limit of a collective in seconds; nil for none.
    /// - Throws: `DTrainError` with `internal` if the system refuses a pipe or a thread.
    init(rank: Int, size: Int, seconds: Int?) throws {
        (self.rank, self.seconds) = (rank, seconds)
        own = LivenessRecord(rank: rank)
        // Rank 0 receives from all ranks, so in a large job each rank sends less often.
        pause = min(0.25, Double(seconds ?? 300) / 8) * max(1, Double(size) / 128)
        launcher = LauncherWatch()
        wake = try WakePipe()
        thread = try BlockingThread { [self] in runRounds() }
    }

    /// Starts to use the connections between the ranks.
    func attach(heartbeat: Heartbeat, shared: any HostRecords, lifeline: (any Lifeline)?, names: [String]) {
        monitor.locked {
            connections = Connections(heartbeat: heartbeat, shared: shared, lifeline: lifeline, names: names)
            stage = .work
        }
        // Connects to rank 0 at once, so that an early loss of this rank is detected.
        _ = lifeline?.send(LivenessRecord(rank: rank), seconds: 0)
        wake.wake()
        guard rank != 0, lifeline != nil else { return }
        _ = monitor.locked { monitor.wait(seconds: 0.25) { lifeline?.records.isEmpty == false } }
    }

    /// Sends `bye` to the other ranks; afterwards the shared memory may be freed.
    func detach() {
        monitor.locked {
            connections?.lifeline?.announce(.bye)
            connections = nil
            stage = .end
        }
        wake.wake()
        // The thread may still use its own reference. It soon finishes its round, or ends the
        // process.
        monitor.locked { while !monitor.wait(seconds: 60, until: { !isInRound }) {} }
    }

    /// Records that this rank enters a collective.
    func enter(_ operation: StaticString) {
        countCollective()
        wait(operation)
    }

    /// Records that this rank has started a collective without waiting for it yet.
    func countCollective() {
        monitor.locked {
            own.collectives += 1
            publish()
        }
    }

    /// Records that this rank waits for a collective it has started.
    func wait(_ operation: StaticString) {
        monitor.locked {
            self.operation = operation
            waited = 0
            own.waited = 0
            publish()
        }
    }

    /// Records the end of the collective.
    func leave() {
        monitor.locked {
            operation = nil
            own.waited = -1
            publish()
        }
    }

    /// Publishes a new position of the training.
    func publishPosition() { monitor.locked { publish() } }

    /// Under the lock: publishes the training's part of the record to the ranks of the host.
    private func publish(withRounds: Bool = false) {
        guard let connections else { return }
        own.positionCode = connections.heartbeat.position?.code ?? -1
        own.beats = connections.heartbeat.beats
        connections.shared.publish(own, withRounds: withRounds)
    }

    /// Announces that this rank reports an error and ends the job.
    ///
    /// If that takes too long, for example because the launcher doesn't respond, the watching
    /// thread ends this process.
    ///
    /// - Parameter code: the process's exit code.
    func announceFailure(code: Int32) {
        monitor.locked {
            endCode = code
            connections?.lifeline?.announce(.failed)
        }
        wake.wake()
    }

    /// Waits, after a failed collective, for a watch to name the rank that caused it.
    func awaitReport() {
        _ = monitor.locked { monitor.wait(seconds: 2) { isStopped } }
    }

    /// Ends the thread and waits for it.
    func stop() {
        monitor.locked { isStopped = true }
        wake.wake()
        thread?.join()
        thread = nil
    }

    private func runRounds() {
        var last = Clock.seconds
        while true {
            let lifeline = monitor.locked { self.connections?.lifeline }
            wake.wait(for: lifeline?.descriptors ?? [], seconds: pause - (Clock.seconds - last))
            // Read `connections` again: after `detach`, lost connections no longer matter.
            let (connections, isStopped, endCode) = monitor.locked {
                isInRound = true
                return (self.connections, self.isStopped, self.endCode)
            }
            if isStopped { return }
            if let endCode {
                pauseWatch(Self.abortTimeout)
                endProcess(endCode)
            }
            runRound(connections, &last)
            monitor.locked {
                isInRound = false
                monitor.wakeAll()
            }
        }
    }

    /// Runs one round: handles received messages and, if the pause is over, checks the ranks.
    private func runRound(_ connections: Connections?, _ last: inout Double) {
        if let connections, observer == nil {
            observer = JobObserver(rank: rank, names: connections.names, timeout: seconds)
        }
        handle(connections?.lifeline?.read() ?? [], connections)
        monitor.locked { monitor.wakeAll() }
        let now = Clock.seconds
        guard now - last >= 0.9 * pause else { return }
        // A longer pause means that the whole job or machine was suspended; it doesn't count.
        tick(seconds: min(now - last, 4 * pause), connections)
        last = now
    }

    private func tick(seconds: Double, _ connections: Connections?) {
        if let launcher, launcher.isGone { endOrphaned(launcher, connections) }
        let (record, operation): (LivenessRecord, StaticString?) = monitor.locked {
            own.rounds += 1
            waited += seconds
            own.waited = self.operation == nil ? -1 : Int(waited * 1000)
            publish(withRounds: self.connections != nil)
            return (own, self.operation)
        }
        guard let connections else { return checkWithoutConnections(record, operation) }
        handle(connections.lifeline?.send(record, seconds: seconds) ?? [], connections)
        let records = (connections.lifeline?.records ?? []) + connections.shared.records + [record]
        switch observer?.judge(records, operation: operation.map { "\($0)" }, seconds: seconds) {
        case .warning(let text)?: reportWarning(text)
        case .end(let text)?: end(text, connections)
        case nil: break
        }
    }

    private func handle(_ events: [LifelineEvent], _ connections: Connections?) {
        guard let connections, let lifeline = connections.lifeline, !events.isEmpty else { return }
        var losses: [Int: LivenessSocket.Loss] = [:]
        for event in events {
            switch event {
            case .lost(let other, let loss): losses[other] = loss
            case .over(let isAbort):
                if rank == 0 { lifeline.announce(.failed) }
                // Give the other rank time for its report, and let its exit code be the job's.
                endJob(afterSeconds: isAbort ? 2 : 0.3)
            case .missing(let ranks, let lacksDescriptors):
                let text = observer?.describeMissing(ranks, lacksDescriptors: lacksDescriptors)
                if let text { reportWarning(text) }
            case .rejected(let rejected):
                if let text = observer?.describe(rejected) { reportWarning(text) }
            }
        }
        guard !losses.isEmpty else { return }
        let isCutOff = losses.values.contains(.unreachable)
        if isCutOff {
            // A lost network affects other connections, too; collect their losses for the same
            // report.
            pauseWatch(0.3)
            for case .lost(let other, let loss) in lifeline.read() { losses[other] = loss }
        }
        // The shared memory of this host is newer than the messages.
        let records = connections.shared.records + lifeline.records
        if let text = observer?.describe(losses, records) { end(text, connections, isCutOff: isCutOff) }
    }

    /// Reports the cause, announces the end to the other ranks, and ends the process.
    ///
    /// - Parameters:
    ///   - text: the message to report.
    ///   - connections: the connections between the ranks.
    ///   - isCutOff: whether a host is unreachable; the launcher would otherwise wait for its
    ///     helper there.
    private func end(_ text: String, _ connections: Connections, isCutOff: Bool = false) {
        // The rank that reports first must be killed last. On an unreachable host there is no other
        // rank to wait for.
        if rank != 0 { pauseWatch(0.1 * Double(min(rank - 1, isCutOff ? 5 : 20))) }
        let isFirst = connections.shared.claimReport()
        if isFirst {
            reportError(text)
            connections.lifeline?.announce(.end)
        }
        // The launcher ends rank 0 when its helper ends; rank 0 may not have reported yet.
        if isCutOff, rank != 0 { pauseWatch(0.3) }
        if isCutOff { launcher?.endLauncher(nearestOnly: rank != 0) }
        endJob(afterSeconds: isFirst ? 0.1 : 1)
    }

    /// Checks for a stall without connections, at the start or end of the job.
    ///
    /// Only a stopped process on this host can be named.
    private func checkWithoutConnections(_ record: LivenessRecord, _ operation: StaticString?) {
        guard let seconds, let operation, record.waited >= seconds * 1000 else { return }
        pauseWatch(0.1 * Double(min(rank, 20)))
        let stopped = ProcessStatus.stoppedSiblings()
        let stage = monitor.locked { self.stage.rawValue }
        let others = stopped.isEmpty ? "other ranks" : stopped.joined(separator: ", ") + ", which is stopped"
        reportError(
            "rank \(rank) (\(currentHostName())) \(stage): waited \(record.waited / 1000) s in \(operation) for "
                + "\(others); find the cause of the delay, or allow more time with `stall-timeout`")
        endJob(afterSeconds: 0.3)
    }

    private func endOrphaned(_ launcher: LauncherWatch, _ connections: Connections?) -> Never {
        // A stopped rank can't check for its launcher; it ends itself once it runs again.
        connections?.shared.continueStopped()
        // The launcher's end of the output pipe is closed.
        signal(SIGPIPE, SIG_IGN)
        reportError("rank \(rank) (\(currentHostName())): \(launcher.launcher) has died, so the job ends")
        endProcess(DTrainError.Category.internal.rawValue)
    }

    private func endJob(afterSeconds seconds: Double) -> Never {
        pauseWatch(seconds)
        endProcess(DTrainError.Category.internal.rawValue)
    }

    private func pauseWatch(_ seconds: Double) { usleep(UInt32(seconds * 1e6)) }
}
