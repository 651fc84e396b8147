import Glibc

/// The address of rank 0's watching thread; rank 0 broadcasts it.
struct LifelineAddress: Hashable, Sendable {
    /// IPv4 addresses, in network order.
    var addresses: [UInt32]
    /// In network order.
    var port: UInt16
    /// A random number that identifies this job's messages.
    var token: Int64

    /// The encoded address.
    var bytes: [UInt8] {
        ([token, Int64(port)] + addresses.map(Int64.init)).withUnsafeBytes(Array.init)
    }

    /// Decodes `bytes`; nil when rank 0 has no lifeline.
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
    /// A rank's connection has ended without a farewell.
    case lost(rank: Int, LivenessSocket.Loss)
    /// A rank has reported an error and ends the job, or rank 0 has reported one of any rank.
    case over(isAbort: Bool)
    /// These ranks haven't connected in time; perhaps because rank 0 may open too few files.
    case missing(ranks: [Int], lacksDescriptors: Bool)
    /// Connections that were none of the job's were turned away.
    case strangers(Strangers)
}

/// The connections between the ranks' watching threads: TCP from each rank to rank 0, without MPI
/// calls.
///
/// Only the watching thread calls the methods, except `announce`.
protocol Lifeline: AnyObject {
    /// The descriptors to wait for.
    var descriptors: [pollfd] { get }
    /// Reads all received messages.
    func read() -> [LifelineEvent]
    /// Sends this rank's record; called about four times a second.
    func tell(_ record: LivenessRecord, seconds: Double) -> [LifelineEvent]
    /// The last records of other ranks.
    var records: [LivenessRecord] { get }
    /// Sends a last message to the other side; called from any thread.
    func announce(_ kind: LivenessMessage.Kind)
}
