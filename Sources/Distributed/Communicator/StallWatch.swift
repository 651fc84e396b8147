import Core
import Glibc

/// Ends the job when a collective waits too long, and names the ranks waited for.
///
/// A thread looks on from outside, because the one inside the collective can't. It makes no MPI call: the process
/// exits, and the launcher ends the others. Of another host's ranks nothing is known here; that host's own watch knows,
/// so it goes first.
final class StallWatch: @unchecked Sendable {
    private let heartbeats: SharedHeartbeats
    private let seconds: Int
    private let name: String
    private let monitor = Monitor()
    private var thread: WaitingThread?
    // Under the monitor's lock.
    private var current: (operation: StaticString, since: Double)?
    private var isStopped = false

    /// The head start, in seconds, of a host that can name the rank waited for.
    private static let headStart = 3

    /// Starts watching.
    ///
    /// - Parameters:
    ///   - heartbeats: the progress of this host's ranks.
    ///   - seconds: how long a collective may wait.
    ///   - name: this rank, as named to users.
    init(heartbeats: SharedHeartbeats, seconds: Int, name: String) throws {
        self.heartbeats = heartbeats
        self.seconds = seconds
        self.name = name
        thread = try WaitingThread { [self] in look() }
    }

    /// Notes that this rank enters a collective.
    func enter(_ operation: StaticString) {
        count()
        wait(operation)
    }

    /// Notes that this rank has begun a collective that it doesn't wait for yet.
    func count() {
        heartbeats.advance()
    }

    /// Notes that this rank waits for a collective that it has begun.
    func wait(_ operation: StaticString) {
        monitor.locked { current = (operation, Clock.seconds) }
    }

    /// Notes that the collective is over.
    func leave() {
        monitor.locked { current = nil }
    }

    /// Stops watching; collective over the ranks of the host.
    func stop() throws {
        monitor.locked {
            isStopped = true
            monitor.wakeAll()
        }
        thread?.join()
        thread = nil
        try heartbeats.release()
    }

    private func look() {
        let pause = min(1, Double(seconds) / 4)
        while !monitor.locked({ monitor.wait(seconds: pause) { isStopped } }) {
            guard let stall = monitor.locked({ current }) else { continue }
            let waited = Int(Clock.seconds - stall.since)
            let laggards = heartbeats.laggards()
            guard waited >= (laggards.isEmpty ? seconds + Self.headStart : seconds) else { continue }
            if heartbeats.claimReport() {
                reportError(
                    "\(name): waited \(waited) s in \(stall.operation) for \(describe(laggards)); look at what holds "
                        + "it up, or allow more with --stall-timeout")
            } else {
                // The exit of one rank makes the launcher end all: let the report get out first.
                sleep(1)
            }
            endProcess(DTrainError.Category.internal.rawValue)
        }
    }

    private func describe(_ laggards: [Int]) -> String {
        if laggards.isEmpty {
            return heartbeats.jobSize > heartbeats.ranks.count ? "a rank on another host" : "the MPI library"
        }
        return (laggards.count == 1 ? "rank " : "ranks ") + laggards.map(String.init).joined(separator: ", ")
    }
}
