import Glibc

/// The address of rank 0's watching thread; rank 0 broadcasts it.
struct LifelineAddress: Hashable, Sendable {
    /// The IPv4 addresses, in network order.
    var addresses: [UInt32]
    /// The port, in network order.
    var port: UInt16
    /// A random number that identifies this job's messages.
    var token: Int64

    /// The encoded address.
    var bytes: [UInt8] {
        ([token, Int64(port)] + addresses.map(Int64.init)).withUnsafeBytes(Array.init)
    }

    /// Decodes `bytes`; nil if rank 0 has no lifeline.
    init?(_ bytes: [UInt8]) {
        let numbers = bytes.withUnsafeBytes { Array($0.bindMemory(to: Int64.self)) }
        guard bytes.count.isMultiple(of: 8), numbers.count >= 2 else { return nil }
        token = numbers[0]
        port = UInt16(truncatingIfNeeded: numbers[1])
        addresses = numbers.dropFirst(2).map { UInt32(truncatingIfNeeded: $0) }
    }

    init(addresses: [UInt32], port: UInt16, token: Int64) {
        (self.addresses, self.port, self.token) = (addresses, port, token)
    }
}

/// An event on a lifeline.
enum LifelineEvent: Hashable, Sendable {
    /// A rank's connection ended without a `bye` message.
    case lost(rank: Int, LivenessSocket.Loss)
    /// The job ends: a rank reported an error, or rank 0 reported the end.
    case over(isAbort: Bool)
    /// These ranks haven't connected in time; `lacksDescriptors` if rank 0 ran out of file
    /// descriptors.
    case missing(ranks: [Int], lacksDescriptors: Bool)
    /// Connections from outside the job were rejected.
    case rejected(RejectedConnections)
}

/// The TCP connections between the ranks' watching threads, one from each rank to rank 0; they need
/// no MPI calls.
///
/// All methods except `announce` are called by the watching thread only.
protocol Lifeline: AnyObject {
    /// The descriptors to poll.
    var descriptors: [pollfd] { get }
    /// Reads all received messages.
    func read() -> [LifelineEvent]
    /// Sends this rank's record; called about four times per second.
    func send(_ record: LivenessRecord, seconds: Double) -> [LifelineEvent]
    /// The last known records of other ranks.
    var records: [LivenessRecord] { get }
    /// Sends a final message to the other side; may be called from any thread.
    func announce(_ kind: LivenessMessage.Kind)
}
