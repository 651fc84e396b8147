import Glibc

/// What a rank needs to reach rank 0's watching thread; rank 0 broadcasts it.
struct LifelineAddress: Hashable, Sendable {
    /// IPv4 addresses, in network order.
    var addresses: [UInt32]
    /// In network order.
    var port: UInt16
    /// Tells this job's messages from a stranger's.
    var token: Int64

    /// For the broadcast.
    var bytes: [UInt8] {
        ([token, Int64(port)] + addresses.map(Int64.init)).withUnsafeBytes(Array.init)
    }

    /// Reads what `bytes` wrote; nil when rank 0 has no lifeline.
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

/// What a lifeline has noticed.
enum LifelineEvent: Hashable, Sendable {
    /// A rank is gone without a word.
    case lost(rank: Int, LivenessSocket.Loss)
    /// A rank has reported an error and ends the job, or rank 0 has reported one of any rank.
    case over(isAbort: Bool)
    /// These ranks have not come within the time allowed.
    case missing(ranks: [Int])
}

/// The side channel between the ranks' watching threads: no MPI call, one connection from each rank to rank 0.
///
/// All methods but `announce` belong to the watching thread.
protocol Lifeline: AnyObject {
    /// What to wait for.
    var descriptors: [pollfd] { get }
    /// Reads what has come.
    func read() -> [LifelineEvent]
    /// Tells the others of this rank; called about four times a second.
    func tell(_ record: LivenessRecord, seconds: Double) -> [LifelineEvent]
    /// The last records of other ranks.
    var records: [LivenessRecord] { get }
    /// Says a last word to the other side; from any thread.
    func announce(_ kind: LivenessMessage.Kind)
}
