import DTrainCore
import Glibc

/// The watch over all ranks, on its own thread: reports a lost or stalled rank or a dead launcher,
/// and ends the job.
///
/// The thread makes no MPI call. It reads memory that the ranks of a host share, and a TCP
/// connection from each rank to rank 0. When it ends this process, the launcher ends the others.
final class StallWatch: @unchecked Sendable {
    private let rank: Int
    private let seconds: Int?
    private let launcher: LauncherWatch?
    private let wake: WakePipe
    private let monitor = Monitor()
    private var thread: WaitingThread?
    // Under the monitor's lock.
    private var own: LivenessRecord
    private var waited = 0.0
    private var operation: StaticString?
    private var team: Team?
    private var isStopped = false
    /// The exit code of an end that this process has announced.
    private var endCode: Int32?
    /// Whether the watching thread may be reading `team`.
    private var isLooking = false
    private var stage = Stage.startUp
    // The watching thread's own.
    private var observer: JobObserver?
    private let pause: Double

    /// The stage of the job, for messages.
    private enum Stage: String { case startUp = "in start-up", work = "in its work", end = "at the end of the job" }

    /// The seconds that `MPI_Abort` has to end the process.
    private static let lastWait = 3.0

    /// The connections between the ranks, once established.
    private struct Team {
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
    ///   - seconds: the time limit of a collective; nil for none.
    /// - Throws: `DTrainError` with `internal` when the system refuses a pipe or a thread.
    init(rank: Int, size: Int, seconds: Int?) throws {
        (self.rank, self.seconds) = (rank, seconds)
        own = LivenessRecord(rank: rank)
        // Rank 0 receives from all ranks: in a large job each sends less often.
        pause = min(0.25, Double(seconds ?? 300) / 8) * max(1, Double(size) / 128)
        launcher = LauncherWatch()
        wake = try WakePipe()
        thread = try WaitingThread { [self] in look() }
    }

    /// Starts to use the connections between the ranks.
    func attach(heartbeat: Heartbeat, shared: any HostRecords, lifeline: (any Lifeline)?, names: [String]) {
        monitor.locked {
            team = Team(heartbeat: heartbeat, shared: shared, lifeline: lifeline, names: names)
            stage = .work
        }
        // Rank 0 knows this rank even if it is lost a moment later.
        _ = lifeline?.tell(LivenessRecord(rank: rank), seconds: 0)
        wake.wake()
        guard rank != 0, lifeline != nil else { return }
        _ = monitor.locked { monitor.wait(seconds: 0.25) { lifeline?.records.isEmpty == false } }
    }

    /// Says goodbye to the other ranks; afterwards the shared memory may be freed.
    func detach() {
        monitor.locked {
            team?.lifeline?.announce(.bye)
            team = nil
            stage = .end
        }
        wake.wake()
        // The thread may still use its own reference; it soon finishes its round, or ends the process.
        monitor.locked { while !monitor.wait(seconds: 60, until: { !isLooking }) {} }
    }

    /// Records that this rank enters a collective.
    func enter(_ operation: StaticString) {
        count()
        wait(operation)
    }

    /// Records that this rank has started a collective that it doesn't wait for yet.
    func count() {
        monitor.locked {
            own.collectives += 1
            publish()
        }
    }

    /// Records that this rank waits for a collective that it has started.
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
    func move() { monitor.locked { publish() } }

    /// Under the lock: publishes the training's part of the record to the ranks of the host.
    private func publish(withLooks: Bool = false) {
        guard let team else { return }
        own.place = team.heartbeat.position?.code ?? -1
        own.beats = team.heartbeat.beats
        team.shared.publish(own, withLooks: withLooks)
    }

    /// Announces that this rank reports an error and ends the job.
    ///
    /// If that takes too long, for example because the launcher doesn't answer, this process ends
    /// by itself.
    ///
    /// - Parameter code: the process's exit code.
    func announceFailure(code: Int32) {
        monitor.locked {
            endCode = code
            team?.lifeline?.announce(.failed)
        }
        wake.wake()
    }

    /// Waits, after a failed collective, for a watch to name the rank that caused it.
    func awaitVerdict() {
        _ = monitor.locked { monitor.wait(seconds: 2) { isStopped } }
    }

    /// Ends the thread and waits for it.
    func stop() {
        monitor.locked { isStopped = true }
        wake.wake()
        thread?.join()
        thread = nil
    }

    private func look() {
        var last = Clock.seconds
        while true {
            let lifeline = monitor.locked { self.team?.lifeline }
            wake.wait(for: lifeline?.descriptors ?? [], seconds: pause - (Clock.seconds - last))
            // After `detach`, lost connections don't matter any more.
            let (team, isStopped, endCode) = monitor.locked {
                isLooking = true
                return (self.team, self.isStopped, self.endCode)
            }
            if isStopped { return }
            if let endCode {
                pauseWatch(Self.lastWait)
                endProcess(endCode)
            }
            look(at: team, &last)
            monitor.locked {
                isLooking = false
                monitor.wakeAll()
            }
        }
    }

    /// One round.
    private func look(at team: Team?, _ last: inout Double) {
        if let team, observer == nil {
            observer = JobObserver(rank: rank, names: team.names, timeout: seconds)
        }
        handle(team?.lifeline?.read() ?? [], team)
        monitor.locked { monitor.wakeAll() }
        let now = Clock.seconds
        guard now - last >= 0.9 * pause else { return }
        // After a longer pause the whole job or machine was suspended.
        tick(seconds: min(now - last, 4 * pause), team)
        last = now
    }

    private func tick(seconds: Double, _ team: Team?) {
        if let launcher, launcher.isGone { leaveOrphaned(launcher, team) }
        let (record, operation): (LivenessRecord, StaticString?) = monitor.locked {
            own.looks += 1
            waited += seconds
            own.waited = self.operation == nil ? -1 : Int(waited * 1000)
            publish(withLooks: self.team != nil)
            return (own, self.operation)
        }
        guard let team else { return judgeAlone(record, operation) }
        handle(team.lifeline?.tell(record, seconds: seconds) ?? [], team)
        let records = (team.lifeline?.records ?? []) + team.shared.records + [record]
        switch observer?.judge(records, operation: operation.map { "\($0)" }, seconds: seconds) {
        case .warning(let text)?: reportWarning(text)
        case .end(let text)?: end(text, team)
        case nil: break
        }
    }

    private func handle(_ events: [LifelineEvent], _ team: Team?) {
        guard let team, let lifeline = team.lifeline, !events.isEmpty else { return }
        var losses: [Int: LivenessSocket.Loss] = [:]
        for event in events {
            switch event {
            case .lost(let other, let loss): losses[other] = loss
            case .over(let isAbort):
                if rank == 0 { lifeline.announce(.failed) }
                // The other rank's report and exit code come first.
                leave(after: isAbort ? 2 : 0.3)
            case .missing(let ranks, let lacksDescriptors):
                let text = observer?.describeMissing(ranks, lacksDescriptors: lacksDescriptors)
                if let text { reportWarning(text) }
            case .strangers(let strangers):
                if let text = observer?.describe(strangers) { reportWarning(text) }
            }
        }
        guard !losses.isEmpty else { return }
        let isCutOff = losses.values.contains(.unreachable)
        if isCutOff {
            // A lost network affects the other connections, too.
            pauseWatch(0.3)
            for case .lost(let other, let loss) in lifeline.read() { losses[other] = loss }
        }
        // The shared memory of this host is newer than the messages.
        let records = team.shared.records + lifeline.records
        if let text = observer?.describe(losses, records) { end(text, team, isCutOff: isCutOff) }
    }

    /// Reports, announces the end to the others, and ends the process.
    ///
    /// - Parameters:
    ///   - text: the report.
    ///   - team: the connections.
    ///   - isCutOff: whether a host is unreachable; its launcher would wait for its helper there.
    private func end(_ text: String, _ team: Team, isCutOff: Bool = false) {
        // The rank that reports first must be killed last; on an unreachable host there is no other
        // rank to wait for.
        if rank != 0 { pauseWatch(0.1 * Double(min(rank - 1, isCutOff ? 5 : 20))) }
        let isFirst = team.shared.claimReport()
        if isFirst {
            reportError(text)
            team.lifeline?.announce(.end)
        }
        // The launcher ends rank 0 when its helper ends; rank 0 may not have reported yet.
        if isCutOff, rank != 0 { pauseWatch(0.3) }
        if isCutOff { launcher?.endLauncher(nearestOnly: rank != 0) }
        leave(after: isFirst ? 0.1 : 1)
    }

    /// Checks for a stall without connections, at the start or end of the job: only a stopped
    /// process of this host can be named.
    private func judgeAlone(_ record: LivenessRecord, _ operation: StaticString?) {
        guard let seconds, let operation, record.waited >= seconds * 1000 else { return }
        pauseWatch(0.1 * Double(min(rank, 20)))
        let stopped = ProcessStatus.stoppedSiblings()
        let stage = monitor.locked { self.stage.rawValue }
        let others = stopped.isEmpty ? "other ranks" : stopped.joined(separator: ", ") + ", which is stopped"
        reportError(
            "rank \(rank) (\(currentHostName())) \(stage): waited \(record.waited / 1000) s in \(operation) for "
                + "\(others); look at what holds it up, or allow more with `stall-timeout`")
        leave(after: 0.3)
    }

    private func leaveOrphaned(_ launcher: LauncherWatch, _ team: Team?) -> Never {
        // A stopped rank can't check: it ends itself once it runs again.
        team?.shared.continueStopped()
        // The launcher's end of the pipe is closed.
        signal(SIGPIPE, SIG_IGN)
        reportError("rank \(rank) (\(currentHostName())): \(launcher.launcher) has died, so the job ends")
        endProcess(DTrainError.Category.internal.rawValue)
    }

    private func leave(after seconds: Double) -> Never {
        pauseWatch(seconds)
        endProcess(DTrainError.Category.internal.rawValue)
    }

    private func pauseWatch(_ seconds: Double) { usleep(UInt32(seconds * 1e6)) }
}
