import DTrainCore
import Glibc

/// The other ranks' side of the lifeline: one connection to rank 0.
final class LifelineSpoke: Lifeline, @unchecked Sendable {
    private let target: LifelineAddress
    /// Rank 0's addresses, in the order in which to try them.
    private let addresses: [UInt32]
    private let monitor = Monitor()
    // Under the monitor's lock: `announce` comes from another thread.
    private var own: LivenessRecord
    private var connection: LivenessSocket?
    private var hub: LivenessRecord?
    private var attempt = 0
    private var attemptAge = 0.0
    private var unanswered = 0
    /// Whether this rank has sent a message on the connection.
    private var hasSent = false
    private var isOver = false

    /// The seconds that a connection attempt may take.
    private static let attemptTimeout = 1.5

    /// Prepares a connection; the first calls to `send` establish it.
    init(to target: LifelineAddress, rank: Int, isSameHost: Bool) {
        self.target = target
        own = LivenessRecord(rank: rank)
        addresses = HostAddress.order(target.addresses, own: HostAddress.all, isSameHost: isSameHost)
    }

    var descriptors: [pollfd] {
        monitor.locked {
            guard let connection, !isOver else { return [] }
            // Send the first message as soon as possible, because rank 0 waits for it only briefly.
            let events = hasSent ? POLLIN : POLLIN | POLLOUT
            return [pollfd(fd: connection.descriptor, events: Int16(events), revents: 0)]
        }
    }

    var records: [LivenessRecord] { monitor.locked { hub.map { [$0] } ?? [] } }

    func read() -> [LifelineEvent] {
        monitor.locked {
            guard let connection, !isOver else { return [] }
            if !hasSent, connection.isConnected { sendKeepAlive() }
            let (messages, loss) = connection.receive(token: target.token)
            for message in messages {
                hub = message.record
                unanswered = 0
                switch message.kind {
                case .keepAlive: continue
                case .bye:
                    // The connection stays open for this rank's own `bye`.
                    isOver = true
                    return []
                case .failed, .end: return [.over(isAbort: message.kind == .failed)]
                }
            }
            guard let loss else { return [] }
            self.connection = nil
            // Before the first answer, the port may have belonged to another program.
            guard hub != nil else { return [] }
            isOver = true
            return [.lost(rank: 0, loss)]
        }
    }

    func send(_ record: LivenessRecord, seconds: Double) -> [LifelineEvent] {
        monitor.locked {
            own = record
            guard !isOver else { return [] }
            attemptAge += seconds
            if hub == nil, connection == nil || isStillConnecting && attemptAge > Self.attemptTimeout {
                connectToNext()
            }
            if unanswered < LivenessMessage.maximumUnanswered { sendKeepAlive() }
            return []
        }
    }

    /// Under the lock: sends the newest record if the connection is established.
    private func sendKeepAlive() {
        guard let connection, connection.send(LivenessMessage(.keepAlive, token: target.token, own)) else { return }
        hasSent = true
        unanswered += 1
    }

    /// Whether the connection isn't established yet.
    ///
    /// An established one is kept even if rank 0 answers late: rank 0 may have read from it
    /// already, and would take its end for the death of this rank.
    private var isStillConnecting: Bool { connection?.isConnected == false }

    private func connectToNext() {
        connection = nil
        guard !addresses.isEmpty else { return }
        connection = LivenessSocket.connecting(to: addresses[attempt % addresses.count], port: target.port)
        attempt += 1
        attemptAge = 0
        unanswered = 0
        hasSent = false
    }

    func announce(_ kind: LivenessMessage.Kind) {
        // An error isn't checked: a lost connection shows when it is read.
        monitor.locked { _ = connection?.send(LivenessMessage(kind, token: target.token, own)) }
    }
}
