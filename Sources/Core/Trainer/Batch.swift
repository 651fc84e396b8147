/// The sequences of one step over all ranks.
///
/// A batch has B sequences of T tokens, where B is the trainer's batch size. A sequence has T + 1
/// ids: the first T are the input, the last T the targets.
public struct Batch: Sendable {
    /// Writes the T + 1 ids of a sequence; every rank reads all sequences.
    package typealias Reader = @Sendable (_ sequence: Int, _ ids: UnsafeMutablePointer<UInt16>) -> Void

    /// B, the number of sequences.
    public let count: Int
    /// T, the number of tokens in a sequence.
    public let sequenceLength: Int
    /// Whether each sequence starts from the final state of the same row of the last applied batch
    /// instead of zeros.
    public let continues: Bool
    /// An upper bound of the ids.
    let largestID: UInt16
    let read: Reader

    /// Creates a batch from given sequences.
    ///
    /// The trainers of all ranks must get the same batch.
    ///
    /// - Parameters:
    ///   - sequences: B lists of T + 1 vocabulary ids.
    ///   - continues: whether each sequence starts from the final state of the same row of the last
    ///     applied batch, which needs a stateful trainer; otherwise from zeros.
    /// - Throws: `DTrainError` with `badData` when there are no sequences, they differ in length,
    ///   or have fewer than two ids.
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

    /// Creates a batch that is read when it is used.
    ///
    /// - Parameters:
    ///   - count: B, the number of sequences.
    ///   - sequenceLength: T, the number of tokens in a sequence.
    ///   - largestID: an upper bound of the ids.
    ///   - continues: whether the sequences start from the states after the last applied batch.
    ///   - read: writes the ids of a sequence.
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
    ///   - step: the first step of the epoch to return, from 0; a resumed run starts there.
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
