import DTrainCore
import Glibc

/// Rank 0's listening port and its pending connections, which haven't presented the job's token
/// yet.
///
/// Any process that can reach the port can connect, so:
///
/// - only connections from addresses of the job's hosts are accepted;
/// - no more connections are pending than ranks are missing;
/// - each connection has two seconds for its first message;
/// - the port closes when all ranks have connected.
struct LifelineAcceptor {
    /// A connection that has presented the token.
    struct AcceptedConnection {
        let rank: Int
        let connection: LivenessSocket
        let messages: [LivenessMessage]
        let loss: LivenessSocket.Loss?
    }

    private struct PendingConnection {
        let connection: LivenessSocket
        let source: UInt32
        var age = 0.0
    }

    private let token: Int64
    /// The addresses of the job's hosts.
    private let sources: Set<UInt32>
    private var listener: LivenessListener?
    /// The pending connections, the oldest first.
    private var pending: [PendingConnection] = []
    private var age = 0.0
    private var isOutOfDescriptors = false
    /// Whether a connection was refused for lack of file descriptors.
    private(set) var hasLackedDescriptors = false
    /// The rejected connections.
    private(set) var rejected = RejectedConnections()

    /// The seconds that a connection has for its first message.
    static let firstMessageTimeout = 2.0
    /// The seconds during which a new connection wakes the watching thread; a later one is accepted
    /// in the next round.
    static let connectTimeout = 10.0
    /// The maximum number of connections accepted per round.
    private static let maximumAccepts = 256

    /// Creates an acceptor for a port.
    ///
    /// - Parameters:
    ///   - listener: the port.
    ///   - token: the job's random number.
    ///   - sources: the addresses of the job's hosts, in network order.
    init(_ listener: LivenessListener, token: Int64, sources: Set<UInt32>) {
        (self.listener, self.token, self.sources) = (listener, token, sources)
        rejected.port = UInt16(bigEndian: listener.port)
    }

    /// Whether the port is open.
    var isOpen: Bool { listener != nil }

    /// The descriptors to poll.
    var descriptors: [Int32] {
        let waits = !isOutOfDescriptors && age <= Self.connectTimeout
        return (waits ? listener.map { [$0.descriptor] } ?? [] : []) + pending.map(\.connection.descriptor)
    }

    /// Accepts new connections; returns those of missing ranks that have presented the token.
    mutating func admit(missing: Set<Int>) -> [AcceptedConnection] {
        var missing = missing
        var found: [AcceptedConnection] = []
        let earlier = pending
        pending = []
        for connection in earlier { examine(connection, &missing, &found) }
        for _ in 0..<Self.maximumAccepts where !missing.isEmpty {
            switch listener?.accept() {
            case .connection(let connection, let source)?:
                if !DescriptorLimit.leavesRoom(connection.descriptor) {
                    hasLackedDescriptors = true
                    rejected.add(source)
                } else if sources.contains(source) || HostAddress.isLoopback(source) {
                    connection.detectLostNetwork()
                    examine(PendingConnection(connection: connection, source: source), &missing, &found)
                } else {
                    rejected.add(source)
                }
            case .noDescriptor?:
                (isOutOfDescriptors, hasLackedDescriptors) = (true, true)
                return found
            case .none?, nil: return found
            }
        }
        return found
    }

    /// Reads a connection's first message and admits the connection, rejects it, or keeps it
    /// pending.
    private mutating func examine(
        _ new: PendingConnection, _ missing: inout Set<Int>, _ found: inout [AcceptedConnection]
    ) {
        let (messages, loss) = new.connection.receive(token: token)
        if let rank = messages.first?.record.rank {
            // A replayed message names a rank that has connected already.
            guard missing.remove(rank) != nil else { return rejected.add(new.source) }
            found.append(
                AcceptedConnection(rank: rank, connection: new.connection, messages: messages, loss: loss))
        } else if loss != nil {
            rejected.add(new.source)
        } else {
            // A rank sends its first message at once, so the oldest silent connection isn't a
            // rank's.
            if pending.count >= missing.count, !pending.isEmpty { reject(0) }
            pending.append(new)
        }
    }

    /// Advances the time and rejects connections that have been silent for too long.
    mutating func pass(seconds: Double) {
        age += seconds
        isOutOfDescriptors = false
        for index in pending.indices.reversed() {
            pending[index].age += seconds
            if pending[index].age > Self.firstMessageTimeout { reject(index) }
        }
    }

    /// Stops listening.
    mutating func close() {
        listener = nil
        while !pending.isEmpty { reject(0) }
    }

    private mutating func reject(_ index: Int) { rejected.add(pending.remove(at: index).source) }
}

/// Rejected connections from outside the job.
struct RejectedConnections: Hashable, Sendable {
    /// The port, in host order.
    var port: UInt16 = 0
    /// The number of connections.
    private(set) var count = 0
    /// The source address of the first connection, in network order.
    private(set) var first: UInt32 = 0

    mutating func add(_ source: UInt32) {
        if count == 0 { first = source }
        count += 1
    }
}
