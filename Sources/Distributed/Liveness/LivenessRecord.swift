import DTrainCore

/// The state of one rank, as the other ranks see it.
struct LivenessRecord: Hashable, Sendable {
    /// The rank.
    var rank: Int
    /// The rounds of its watching thread; the count stands still when the process is stopped.
    var looks = 0
    /// The encoded `TrainingPosition`; −1 before the training.
    var place = -1
    /// The signs of life of the training.
    var beats = 0
    /// The number of collectives entered.
    var collectives = 0
    /// The milliseconds in the current collective; −1 outside.
    var waited = -1

    /// The rank's position; nil before the training.
    var position: TrainingPosition? { TrainingPosition(code: place) }
}

/// A message between watching threads: 64 bytes.
struct LivenessMessage: Hashable, Sendable {
    enum Kind: Int64, Sendable {
        /// The sender is alive.
        case pulse = 1
        /// The sender finalizes in good order.
        case bye
        /// The sender has reported an error and is about to end the job.
        case failed
        /// The job is over, and that has been reported.
        case end
    }

    static let size = 64
    /// The most unanswered messages: a connection filled up by a stopped process would look like a
    /// lost network.
    static let mostUnanswered = 8

    var kind: Kind
    /// The job's random number.
    var token: Int64
    var record: LivenessRecord

    /// The message's 64 bytes.
    var bytes: [UInt8] {
        let numbers: [Int64] =
            [kind.rawValue, token]
            + [record.rank, record.looks, record.place, record.beats, record.collectives, record.waited].map(Int64.init)
        return numbers.withUnsafeBytes(Array.init)
    }

    init(_ kind: Kind, token: Int64, _ record: LivenessRecord) {
        (self.kind, self.token, self.record) = (kind, token, record)
    }

    /// Decodes 64 bytes; nil when they are no message of this job.
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
                rank: values[0], looks: values[1], place: values[2], beats: values[3], collectives: values[4],
                waited: values[5]))
    }
}
