import DTrainCore

/// What a rank tells the others of itself.
struct LivenessRecord: Hashable, Sendable {
    /// The rank.
    var rank: Int
    /// Looks that its watching thread has taken: they stop when the process is stopped.
    var looks = 0
    /// Where it is; see `TrainingPosition`.
    var place = -1
    /// Signs of life of the training.
    var beats = 0
    /// Collectives entered.
    var collectives = 0
    /// Milliseconds that it has been in the current collective; −1 outside.
    var waited = -1

    /// Where the rank is; nil where it hasn't said so.
    var position: TrainingPosition? { TrainingPosition(code: place) }
}

/// What travels between the ranks' watching threads: 64 bytes.
struct LivenessMessage: Hashable, Sendable {
    enum Kind: Int64, Sendable {
        /// The sender goes on.
        case pulse = 1
        /// The sender leaves in good order.
        case bye
        /// The sender has reported an error and is about to end the job.
        case failed
        /// The job is over, and that has been reported.
        case end
    }

    static let size = 64
    /// Messages under way at most: a stopped process must not let the connection fill up, which would look like a lost
    /// network.
    static let mostUnanswered = 8

    var kind: Kind
    /// Tells this job's messages from a stranger's.
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

    /// Reads 64 bytes; nil when they are none of this job's messages.
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
