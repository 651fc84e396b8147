import DTrainCore

/// The liveness of one rank, as published to the other ranks.
struct LivenessRecord: Hashable, Sendable {
    /// The rank.
    var rank: Int
    /// The number of rounds of its watching thread; constant while the process is stopped.
    var rounds = 0
    /// The encoded `TrainingPosition`; −1 before the training.
    var positionCode = -1
    /// The number of heartbeats of the training.
    var beats = 0
    /// The number of collectives entered.
    var collectives = 0
    /// The milliseconds waited in the current collective; −1 outside a collective.
    var waited = -1

    /// The position of the rank in the training; nil before the training.
    var position: TrainingPosition? { TrainingPosition(code: positionCode) }
}

/// A message of 64 bytes between watching threads.
struct LivenessMessage: Hashable, Sendable {
    enum Kind: Int64, Sendable {
        /// The sender is alive.
        case keepAlive = 1
        /// The sender finalizes after success.
        case bye
        /// The sender reports an error and is about to end the job.
        case failed
        /// The job is over, and the cause has been reported.
        case end
    }

    static let size = 64
    /// The maximum number of unanswered messages; more could fill the connection to a stopped
    /// process, which would look like a lost network.
    static let maximumUnanswered = 8

    var kind: Kind
    /// The random number that identifies the job.
    var token: Int64
    var record: LivenessRecord

    /// The encoded message, 64 bytes.
    var bytes: [UInt8] {
        let numbers: [Int64] =
            [kind.rawValue, token]
            + [record.rank, record.rounds, record.positionCode, record.beats, record.collectives, record.waited].map(
                Int64.init)
        return numbers.withUnsafeBytes(Array.init)
    }

    init(_ kind: Kind, token: Int64, _ record: LivenessRecord) {
        (self.kind, self.token, self.record) = (kind, token, record)
    }

    /// Decodes 64 bytes; nil if they aren't a message of this job.
    init?(_ bytes: some Collection<UInt8>, token: Int64) {
        guard bytes.count == Self.size else { return nil }
        let numbers = Array(bytes).withUnsafeBytes { buffer in
            (0..<8).map { buffer.loadUnaligned(fromByteOffset: $0 * 8, as: Int64.self) }
        }
        guard let kind = Kind(rawValue: numbers[0]), numbers[1] == token else { return nil }
        let values = numbers.dropFirst(2).map { Int(truncatingIfNeeded: $0) }
        self.init(
            kind, token: token,
            LivenessRecord(
                rank: values[0], rounds: values[1], positionCode: values[2], beats: values[3], collectives: values[4],
                waited: values[5]))
    }
}
