/// A corpus cut into windows of L + 1 consecutive characters, and the order in which each epoch's batches visit them.
///
/// A window's input is its first L ids and its target the last L: the same text one character on. What is left of the text
/// after the last full window is dropped, and so is what is left of the windows after an epoch's last full batch.
public struct SequenceDataset: Sendable {
    /// The text.
    public let corpus: Corpus
    /// L, the characters of an input.
    public let sequenceLength: Int
    /// Sequences in a global batch, over all ranks.
    public let batchSize: Int
    /// Whether each epoch has its own order; otherwise all go through the text from its start.
    public let shuffle: Bool
    /// What the epochs' orders follow from.
    public let seed: UInt64
    /// How many windows the text has.
    public let windowCount: Int

    /// Divides a corpus.
    ///
    /// - Throws: `DTrainError` with `usage` when a size is not positive, with `badData` when the text is too short for a batch.
    public init(
        corpus: Corpus, sequenceLength: Int = Setting.sequenceLength.defaultValue,
        batchSize: Int = Setting.batchSize.defaultValue, shuffle: Bool = Setting.shuffle.defaultValue,
        seed: UInt64 = Setting.seed.defaultValue
    ) throws {
        guard sequenceLength > 0 else {
            throw DTrainError(
                .usage, "the sequence length is \(sequenceLength)", hint: "give `seq-length` at least 1")
        }
        guard batchSize > 0 else {
            throw DTrainError(.usage, "the batch size is \(batchSize)", hint: "give `batch-size` at least 1")
        }
        windowCount = sequenceLength < corpus.count ? corpus.count / (sequenceLength + 1) : 0
        guard windowCount >= batchSize else {
            let length = sequenceLength.addingReportingOverflow(1)
            let needed = length.partialValue.multipliedReportingOverflow(by: batchSize)
            let amount = length.overflow || needed.overflow ? "more than \(Int.max)" : "\(needed.partialValue)"
            throw DTrainError(
                .badData,
                "'\(corpus.name)' has \(corpus.count) characters, but one batch of \(batchSize) sequences of "
                    + "\(sequenceLength) needs \(amount)",
                hint: "lower `batch-size` or `seq-length`, or use a longer text")
        }
        self.corpus = corpus
        self.sequenceLength = sequenceLength
        self.batchSize = batchSize
        self.shuffle = shuffle
        self.seed = seed
    }

    /// The full batches of an epoch.
    public var stepsPerEpoch: Int { windowCount / batchSize }

    /// The order of an epoch's windows: place in the epoch → window.
    ///
    /// - Parameter epoch: the epoch, from 0.
    package func order(epoch: Int) -> Permutation {
        shuffle
            ? Permutation(count: windowCount, seed: seed, epoch: epoch) : Permutation(identity: windowCount)
    }

    /// Reads the L + 1 ids of a window: the input from the first on, the target from the second on.
    package func read(window: Int, into ids: UnsafeMutablePointer<UInt16>) {
        precondition(window >= 0 && window < windowCount, "window out of range")
        corpus.read(from: window * (sequenceLength + 1), count: sequenceLength + 1, into: ids)
    }
}
