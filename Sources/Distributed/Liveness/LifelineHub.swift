import DTrainCore
import Glibc
import Synchronization

/// Rank 0's side of the lifeline: a connection from every other rank.
final class LifelineHub: Lifeline, @unchecked Sendable {
    /// The address to connect to.
    let address: LifelineAddress
    private let listener: LivenessSocket
    private let size: Int
    private let monitor = Monitor()
    // Under the monitor's lock: `announce` comes from another thread.
    private var connections: [Int: LivenessSocket] = [:]
    private var strangers: [LivenessSocket] = []
    private var known: [Int: LivenessRecord] = [:]
    private var unanswered: [Int: Int] = [:]
    private var departed: Set<Int> = []
    private var own = LivenessRecord(rank: 0)
    private var age = 0.0
    private var hasWarned = false

    /// The seconds that the ranks have to connect.
    static let welcome = 10.0

    /// Starts to listen; nil where the system refuses.
    init?(size: Int) {
        guard let (socket, port) = LivenessSocket.listening() else { return nil }
        listener = socket
        self.size = size
        address = LifelineAddress(
            addresses: HostAddress.all.map(\.address), port: port,
            token: Int64.random(in: Int64.min...Int64.max))
    }

    var descriptors: [pollfd] {
        monitor.locked {
            ([listener] + strangers + Array(connections.values)).map {
                pollfd(fd: $0.descriptor, events: Int16(POLLIN), revents: 0)
            }
        }
    }

    var records: [LivenessRecord] { monitor.locked { Array(known.values) } }

    func read() -> [LifelineEvent] {
        monitor.locked {
            while let stranger = listener.accepted() { strangers.append(stranger) }
            var events: [LifelineEvent] = []
            strangers = strangers.filter { stranger in
                let (messages, loss) = stranger.receive(token: address.token)
                guard let first = messages.first, first.record.rank > 0, first.record.rank < size else {
                    return loss == nil
                }
                connections[first.record.rank] = stranger
                events += take(messages, loss, from: first.record.rank)
                return false
            }
            for (rank, connection) in connections {
                let (messages, loss) = connection.receive(token: address.token)
                events += take(messages, loss, from: rank)
            }
            return events
        }
    }

    /// Under the lock: handles a rank's messages and the end of its connection.
    private func take(
        _ messages: [LivenessMessage], _ loss: LivenessSocket.Loss?, from rank: Int
    ) -> [LifelineEvent] {
        var events: [LifelineEvent] = []
        for message in messages {
            defer { known[rank] = message.record }
            switch message.kind {
            case .pulse:
                if known[rank] == nil { greet(rank) }
                unanswered[rank] = 0
            case .bye: departed.insert(rank)
            case .failed, .end:
                departed.insert(rank)
                events.append(.over(isAbort: true))
            }
        }
        if let loss {
            connections[rank] = nil
            if departed.insert(rank).inserted { events.append(.lost(rank: rank, loss)) }
        }
        return events
    }

    /// Under the lock: answers a rank that has just connected.
    private func greet(_ rank: Int) { connections[rank]?.send(LivenessMessage(.pulse, token: address.token, own)) }

    func tell(_ record: LivenessRecord, seconds: Double) -> [LifelineEvent] {
        monitor.locked {
            own = record
            age += seconds
            for (rank, connection) in connections where unanswered[rank, default: 0] < LivenessMessage.mostUnanswered {
                unanswered[rank, default: 0] += 1
                connection.send(LivenessMessage(.pulse, token: address.token, own))
            }
            guard age > Self.welcome, !hasWarned else { return [] }
            hasWarned = true
            let missing = (1..<size).filter { known[$0] == nil }
            return missing.isEmpty ? [] : [.missing(ranks: missing)]
        }
    }

    func announce(_ kind: LivenessMessage.Kind) {
        monitor.locked {
            for connection in connections.values {
                connection.send(LivenessMessage(kind, token: address.token, own))
            }
        }
    }
}
