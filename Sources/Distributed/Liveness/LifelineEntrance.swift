import DTrainCore
import Glibc

/// Rank 0's open port, and the connections on it that haven't shown the job's token yet.
///
/// Anybody who reaches the port can connect. So only addresses of the job's hosts are let in, no
/// more connections wait than ranks are missing, each has two seconds for its first message, and the
/// port closes when all ranks are there.
struct LifelineEntrance {
    /// A connection that has shown the token.
    struct Newcomer {
        let rank: Int
        let connection: LivenessSocket
        let messages: [LivenessMessage]
        let loss: LivenessSocket.Loss?
    }

    private struct Candidate {
        let connection: LivenessSocket
        let source: UInt32
        var age = 0.0
    }

    private let token: Int64
    /// The addresses that ranks come from.
    private let sources: Set<UInt32>
    private var listener: LivenessListener?
    /// The oldest first.
    private var candidates: [Candidate] = []
    private var age = 0.0
    private var isOutOfDescriptors = false
    /// Whether a connection was refused for want of descriptors.
    private(set) var hasLackedDescriptors = false
    /// The connections that were turned away.
    private(set) var strangers = Strangers()

    /// The seconds that a connection has for its first message.
    static let patience = 2.0
    /// The seconds in which the port is looked at as soon as somebody knocks; then only now and then.
    static let welcome = 10.0
    /// The most connections taken in one round.
    private static let mostAccepts = 256

    /// Waits at a port.
    ///
    /// - Parameters:
    ///   - listener: the port.
    ///   - token: the job's random number.
    ///   - sources: the addresses of the job's hosts, in network order.
    init(_ listener: LivenessListener, token: Int64, sources: Set<UInt32>) {
        (self.listener, self.token, self.sources) = (listener, token, sources)
        strangers.port = UInt16(bigEndian: listener.port)
    }

    /// Whether the port is open.
    var isOpen: Bool { listener != nil }

    /// The descriptors to wait for.
    var descriptors: [Int32] {
        let waits = !isOutOfDescriptors && age <= Self.welcome
        return (waits ? listener.map { [$0.descriptor] } ?? [] : []) + candidates.map(\.connection.descriptor)
    }

    /// Returns the connections that have shown the token, for ranks that are missing.
    mutating func admit(missing: Set<Int>) -> [Newcomer] {
        var missing = missing
        var found: [Newcomer] = []
        let waiting = candidates
        candidates = []
        for candidate in waiting { examine(candidate, &missing, &found) }
        for _ in 0..<Self.mostAccepts where !missing.isEmpty {
            switch listener?.accept() {
            case .connection(let connection, let source)?:
                if !DescriptorLimit.leavesRoom(connection.descriptor) {
                    hasLackedDescriptors = true
                    strangers.add(source)
                } else if sources.contains(source) || HostAddress.isLoopback(source) {
                    connection.expectAnswers()
                    examine(Candidate(connection: connection, source: source), &missing, &found)
                } else {
                    strangers.add(source)
                }
            case .noDescriptor?:
                (isOutOfDescriptors, hasLackedDescriptors) = (true, true)
                return found
            case .none?, nil: return found
            }
        }
        return found
    }

    /// Reads what a connection has sent: a rank, a stranger, or nothing yet.
    private mutating func examine(_ candidate: Candidate, _ missing: inout Set<Int>, _ found: inout [Newcomer]) {
        let (messages, loss) = candidate.connection.receive(token: token)
        if let rank = messages.first?.record.rank {
            // A message that is played again names a rank that is there.
            guard missing.remove(rank) != nil else { return strangers.add(candidate.source) }
            found.append(
                Newcomer(rank: rank, connection: candidate.connection, messages: messages, loss: loss))
        } else if loss != nil {
            strangers.add(candidate.source)
        } else {
            // A rank's first message comes with its connection: the oldest silent one is no rank's.
            if candidates.count >= missing.count, !candidates.isEmpty { turnAway(0) }
            candidates.append(candidate)
        }
    }

    /// Counts the time, and turns away who has said nothing for too long.
    mutating func pass(seconds: Double) {
        age += seconds
        isOutOfDescriptors = false
        for index in candidates.indices.reversed() {
            candidates[index].age += seconds
            if candidates[index].age > Self.patience { turnAway(index) }
        }
    }

    /// Stops listening.
    mutating func close() {
        listener = nil
        while !candidates.isEmpty { turnAway(0) }
    }

    private mutating func turnAway(_ index: Int) { strangers.add(candidates.remove(at: index).source) }
}

/// Connections that were none of the job's.
struct Strangers: Hashable, Sendable {
    /// The port that they came to.
    var port: UInt16 = 0
    /// Their number.
    private(set) var count = 0
    /// The address of the first, in network order.
    private(set) var first: UInt32 = 0

    mutating func add(_ source: UInt32) {
        if count == 0 { first = source }
        count += 1
    }
}
