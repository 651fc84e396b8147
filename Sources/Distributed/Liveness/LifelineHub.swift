import DTrainCore
import Glibc
import Synchronization

/// Rank 0's side of the lifeline: a connection from every other rank.
final class LifelineHub: Lifeline, @unchecked Sendable {
    /// The hosts that may connect.
    enum AllowedHosts {
        /// This host only; the port can't be reached from any other host.
        case thisHost
        /// The hosts with these addresses, in network order.
        case hosts(Set<UInt32>)
    }

    /// The address to connect to.
    let address: LifelineAddress
    private let size: Int
    private let monitor = Monitor()
    // Under the monitor's lock: `announce` comes from another thread.
    private var acceptor: LifelineAcceptor
    private var connections: [Int: LivenessSocket] = [:]
    private var known: [Int: LivenessRecord] = [:]
    private var unanswered: [Int: Int] = [:]
    private var departed: Set<Int> = []
    private var own = LivenessRecord(rank: 0)
    private var age = 0.0
    private var hasWarned = false
    private var hasReportedRejected = false

    /// The seconds after which ranks without a connection are reported missing.
    static let connectTimeout = LifelineAcceptor.connectTimeout

    /// Starts to listen; nil if the system refuses.
    init?(size: Int, allowing hosts: AllowedHosts) {
        DescriptorLimit.allow(connections: size)
        let (interface, addresses, sources): (UInt32, [UInt32], Set<UInt32>) =
            switch hosts {
            case .thisHost: (HostAddress.loopback, [HostAddress.loopback], [])
            case .hosts(let sources): (INADDR_ANY, HostAddress.all.map(\.address), sources)
            }
        guard let listener = LivenessListener(on: interface) else { return nil }
        self.size = size
        address = LifelineAddress(
            addresses: addresses, port: listener.port, token: Int64.random(in: Int64.min...Int64.max))
        acceptor = LifelineAcceptor(listener, token: address.token, sources: sources)
    }

    var descriptors: [pollfd] {
        monitor.locked {
            (acceptor.descriptors + connections.values.map(\.descriptor)).map {
                pollfd(fd: $0, events: Int16(POLLIN), revents: 0)
            }
        }
    }

    var records: [LivenessRecord] { monitor.locked { Array(known.values) } }

    /// Under the lock: the ranks that haven't connected yet.
    private var missing: [Int] { (1..<size).filter { known[$0] == nil } }

    func read() -> [LifelineEvent] {
        monitor.locked {
            var events: [LifelineEvent] = []
            if acceptor.isOpen {
                for accepted in acceptor.admit(missing: Set(missing)) {
                    connections[accepted.rank] = accepted.connection
                    events += handle(accepted.messages, accepted.loss, from: accepted.rank)
                }
                if missing.isEmpty { acceptor.close() }
            }
            for (rank, connection) in connections {
                let (messages, loss) = connection.receive(token: address.token)
                events += handle(messages, loss, from: rank)
            }
            return events
        }
    }

    /// Under the lock: handles a rank's messages and the end of its connection.
    private func handle(
        _ messages: [LivenessMessage], _ loss: LivenessSocket.Loss?, from rank: Int
    ) -> [LifelineEvent] {
        var events: [LifelineEvent] = []
        for message in messages where message.record.rank == rank {
            defer { known[rank] = message.record }
            switch message.kind {
            case .keepAlive:
                if known[rank] == nil { reply(to: rank) }
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

    /// Under the lock: replies to a rank's first message.
    private func reply(to rank: Int) { connections[rank]?.send(LivenessMessage(.keepAlive, token: address.token, own)) }

    func send(_ record: LivenessRecord, seconds: Double) -> [LifelineEvent] {
        monitor.locked {
            own = record
            age += seconds
            for (rank, connection) in connections where unanswered[rank, default: 0] < LivenessMessage.maximumUnanswered
            {
                unanswered[rank, default: 0] += 1
                connection.send(LivenessMessage(.keepAlive, token: address.token, own))
            }
            acceptor.pass(seconds: seconds)
            return reportMissing() + reportRejected()
        }
    }

    /// Under the lock: reports missing ranks, once.
    private func reportMissing() -> [LifelineEvent] {
        guard age > Self.connectTimeout, !hasWarned else { return [] }
        hasWarned = true
        let missing = missing
        guard !missing.isEmpty else { return [] }
        return [.missing(ranks: missing, lacksDescriptors: acceptor.hasLackedDescriptors)]
    }

    /// Under the lock: reports rejected connections, once, after all ranks have connected or
    /// `connectTimeout` has passed.
    private func reportRejected() -> [LifelineEvent] {
        guard acceptor.rejected.count > 0, !acceptor.isOpen || age > Self.connectTimeout, !hasReportedRejected else {
            return []
        }
        hasReportedRejected = true
        return [.rejected(acceptor.rejected)]
    }

    func announce(_ kind: LivenessMessage.Kind) {
        monitor.locked {
            for connection in connections.values {
                connection.send(LivenessMessage(kind, token: address.token, own))
            }
        }
    }
}
