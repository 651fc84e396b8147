import DTrainCore
import Glibc

/// Watches over the ranks from a thread of its own, because the one inside a collective can't: ends the job, and says
/// why, when a rank is lost or stands still, or when the launcher has died.
///
/// The thread makes no MPI call: it looks at memory that the ranks of a host share and at a TCP connection from each
/// rank to rank 0. When it ends the process, the launcher ends the others.
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
    /// The exit code with which this process ends itself already.
    private var endCode: Int32?
    /// Whether the watching thread may be looking at `team`.
    private var isLooking = false
    private var stage = Stage.startUp
    // The watching thread's own.
    private var observer: JobObserver?
    private let pause: Double

    /// How far the ranks have found each other, for messages.
    private enum Stage: String { case startUp = "in start-up", work = "in its work", end = "at the end of the job" }

    /// Seconds that a call which ends the job has for it.
    private static let lastWait = 3.0

    /// What there is once the ranks have found each other.
    private struct Team {
        let heartbeat: Heartbeat
        let shared: SharedHeartbeats
        let lifeline: (any Lifeline)?
        let names: [String]
    }

    /// Starts watching, before MPI is initialised.
    ///
    /// - Parameters:
    ///   - rank: this rank's number, as far as the launcher tells.
    ///   - size: the number of ranks, likewise.
    ///   - seconds: how long a collective may wait; nil for no limit.
    init(rank: Int, size: Int, seconds: Int?) throws {
        (self.rank, self.seconds) = (rank, seconds)
        own = LivenessRecord(rank: rank)
        // Rank 0 hears all: many ranks talk less often.
        pause = min(0.25, Double(seconds ?? 300) / 8) * max(1, Double(size) / 128)
        launcher = LauncherWatch()
        wake = try WakePipe()
        thread = try WaitingThread { [self] in look() }
    }

    /// Goes on with all that the ranks know of each other.
    func attach(heartbeat: Heartbeat, shared: SharedHeartbeats, lifeline: (any Lifeline)?, names: [String]) {
        monitor.locked {
            team = Team(heartbeat: heartbeat, shared: shared, lifeline: lifeline, names: names)
            stage = .work
        }
        // A rank that is lost a moment later is known already.
        _ = lifeline?.tell(LivenessRecord(rank: rank), seconds: 0)
        wake.wake()
        guard rank != 0, lifeline != nil else { return }
        _ = monitor.locked { monitor.wait(seconds: 0.25) { lifeline?.records.isEmpty == false } }
    }

    /// Takes leave of the other ranks, after which the shared memory may be given back.
    func detach() {
        monitor.locked {
            team?.lifeline?.announce(.bye)
            team = nil
            stage = .end
        }
        wake.wake()
        // The thread may have taken its own reference before; it ends its look soon, or the process.
        monitor.locked { while !monitor.wait(seconds: 60, until: { !isLooking }) {} }
    }

    /// Notes that this rank enters a collective.
    func enter(_ operation: StaticString) {
        count()
        wait(operation)
    }

    /// Notes that this rank has begun a collective that it doesn't wait for yet.
    func count() {
        monitor.locked {
            own.collectives += 1
            publish()
        }
    }

    /// Notes that this rank waits for a collective that it has begun.
    func wait(_ operation: StaticString) {
        monitor.locked {
            self.operation = operation
            waited = 0
            own.waited = 0
            publish()
        }
    }

    /// Notes that the collective is over.
    func leave() {
        monitor.locked {
            operation = nil
            own.waited = -1
            publish()
        }
    }

    /// Notes that the training has come to another place.
    func move() { monitor.locked { publish() } }

    /// Under the lock: lets the ranks of the host see the training's part of the record.
    private func publish(withLooks: Bool = false) {
        guard let team else { return }
        own.place = team.heartbeat.position?.code ?? -1
        own.beats = team.heartbeat.beats
        team.shared.publish(own, withLooks: withLooks)
    }

    /// Tells the others that this rank reports an error of its own and ends the job.
    ///
    /// Where that takes too long, as with a launcher that doesn't answer, this process ends by itself.
    ///
    /// - Parameter code: the process's exit code.
    func announceFailure(code: Int32) {
        monitor.locked {
            endCode = code
            team?.lifeline?.announce(.failed)
        }
        wake.wake()
    }

    /// After a failed collective: gives the watches time to tell which rank is to blame.
    func awaitVerdict() {
        _ = monitor.locked { monitor.wait(seconds: 2) { isStopped } }
    }

    /// Stops watching.
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
            // Whoever has taken leave meanwhile doesn't care who else leaves.
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

    /// One look.
    private func look(at team: Team?, _ last: inout Double) {
        if let team, observer == nil {
            observer = JobObserver(rank: rank, names: team.names, timeout: seconds)
        }
        handle(team?.lifeline?.read() ?? [], team)
        monitor.locked { monitor.wakeAll() }
        let now = Clock.seconds
        guard now - last >= 0.9 * pause else { return }
        // A longer time has passed for all, when the job was suspended, or for the whole machine.
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
                // Its report, and its exit code, come first.
                leave(after: isAbort ? 2 : 0.3)
            case .missing(let ranks):
                if let text = observer?.describeMissing(ranks) { reportWarning(text) }
            }
        }
        guard !losses.isEmpty else { return }
        let isCutOff = losses.values.contains(.unreachable)
        if isCutOff {
            // A lost network shows on the other connections, too.
            pauseWatch(0.3)
            for case .lost(let other, let loss) in lifeline.read() { losses[other] = loss }
        }
        // What a rank of this host wrote last is newer than what it sent last.
        let records = team.shared.records + lifeline.records
        if let text = observer?.describe(losses, records) { end(text, team, isCutOff: isCutOff) }
    }

    /// Reports, tells the others that all is said, and ends the process.
    ///
    /// - Parameters:
    ///   - text: what to report.
    ///   - team: the others.
    ///   - isCutOff: whether the launcher can't reach its own helper on another host, for which it would wait.
    private func end(_ text: String, _ team: Team, isCutOff: Bool = false) {
        // Whoever reports first is killed last; a host that is out of reach has nobody to wait for.
        if rank != 0 { pauseWatch(0.1 * Double(min(rank - 1, isCutOff ? 5 : 20))) }
        let isFirst = team.shared.claimReport()
        if isFirst {
            reportError(text)
            team.lifeline?.announce(.end)
        }
        // The end of a helper makes the launcher end rank 0, which may not have reported yet.
        if isCutOff, rank != 0 { pauseWatch(0.3) }
        if isCutOff { launcher?.endLauncher(nearestOnly: rank != 0) }
        leave(after: isFirst ? 0.1 : 1)
    }

    /// Nobody has found anybody yet, or all have taken leave: who is missing is known only where a process of this host
    /// stands still.
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
        // A stopped rank can't look: once it runs again, it ends itself.
        team?.shared.continueStopped()
        // Its end of the pipe is closed.
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
