/// The sequences of one step, over all ranks: as many as the trainer's batch size, of equal length.
///
/// B sequences, T tokens each. A sequence has T + 1 ids: the first T are the input, the last T the targets.
public struct Batch: Sendable {
    /// Fills in the T + 1 ids of a sequence; called for all sequences, which every rank reads.
    package typealias Reader = @Sendable (_ sequence: Int, _ ids: UnsafeMutablePointer<UInt16>) -> Void

    /// B, the number of sequences.
    public let count: Int
    /// T, the tokens of a sequence.
    public let sequenceLength: Int
    /// Whether each sequence goes on from the state after the same row of the last applied batch, instead of zeros.
    public let continues: Bool
    /// No id is larger.
    let largestID: UInt16
    let read: Reader

    /// A batch of chosen sequences.
    ///
    /// Collective use: the trainer of every rank gets the same batch.
    ///
    /// - Parameters:
    ///   - sequences: B lists of T + 1 vocabulary ids.
    ///   - continues: whether each sequence goes on from the state after the same row of the last applied batch, in a stateful
    ///     trainer; otherwise from zeros.
    /// - Throws: `DTrainError` with `badData` when there are none, they differ in length, or have less than two ids.
    public init(_ sequences: [[UInt16]], continues: Bool = false) throws {
        guard let length = sequences.first?.count, length >= 2, sequences.allSatisfy({ $0.count == length }) else {
            throw DTrainError(
                .badData, "a batch needs sequences of the same length, at least 2 ids each; cut or drop the others")
        }
        let ids = sequences.flatMap(\.self)
        self.init(
            count: sequences.count, sequenceLength: length - 1, largestID: ids.max() ?? 0, continues: continues
        ) { sequence, target in
            ids.withUnsafeBufferPointer { ids in
                guard let first = ids.baseAddress else { return }
                target.update(from: first + sequence * length, count: length)
            }
        }
    }

    /// A batch that is read when it is used.
    ///
    /// - Parameters:
    ///   - count: B.
    ///   - sequenceLength: T.
    ///   - largestID: no id is larger.
    ///   - continues: whether the sequences go on from the states after the last applied batch.
    ///   - read: fills in a sequence.
    package init(
        count: Int, sequenceLength: Int, largestID: UInt16, continues: Bool = false, read: @escaping Reader
    ) {
        self.count = count
        self.sequenceLength = sequenceLength
        self.largestID = largestID
        self.continues = continues
        self.read = read
    }
}

extension SequenceDataset {
    /// The batches of an epoch in order.
    ///
    /// - Parameters:
    ///   - epoch: the epoch, from 0.
    ///   - step: the first step of the epoch, from 0, where a resumed training starts.
    public func batches(epoch: Int, from step: Int = 0) -> some Sequence<Batch> {
        let order = order(epoch: epoch)
        return (min(max(0, step), stepsPerEpoch)..<stepsPerEpoch).lazy.map { batch(step: $0, of: order) }
    }

    /// One batch of an epoch.
    private func batch(step: Int, of order: Permutation) -> Batch {
        let first = step * batchSize
        return Batch(
            count: batchSize, sequenceLength: sequenceLength, largestID: UInt16(clamping: corpus.vocabulary.size - 1),
            continues: stateful && step > 0
        ) { [self] sequence, ids in
            if let streams {
                streams.read(stream: sequence, step: step, of: corpus, into: ids)
            } else {
                read(window: order[first + sequence], into: ids)
            }
        }
    }
}
