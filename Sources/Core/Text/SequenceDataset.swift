/// A corpus divided into training sequences, with the order in which each epoch's batches visit
/// them.
///
/// A window is L + 1 consecutive characters: the input is its first L ids, the target its last L.
/// Characters after the last full window are dropped, as are windows after an epoch's last full
/// batch.
///
/// With streams (`stateful`), the text is divided into one stream per sequence of a batch, and the
/// streams are read side by side. Each batch continues where the previous one ended, and so do the
/// states of the recurrent layers. Characters of a stream after an epoch's last full batch are
/// dropped.
public struct SequenceDataset: Sendable {
    /// The text.
    public let corpus: Corpus
    /// L, the number of characters in an input.
    public let sequenceLength: Int
    /// The number of sequences in a global batch, over all ranks.
    public let batchSize: Int
    /// Whether each epoch has its own order; false visits the text in order, as streams always do.
    public let shuffle: Bool
    /// The random seed of the epochs' orders.
    public let seed: UInt64
    /// Whether each batch continues the sequences of the previous one.
    public let stateful: Bool
    /// The number of training windows; 0 with streams.
    public let windowCount: Int
    /// The text held out from the end; nil if all of it is trained on.
    public let heldOut: HeldOutText?

    let windows: TextWindows
    let streams: TextStreams?

    /// Divides a corpus.
    ///
    /// - Parameters:
    ///   - corpus: the text.
    ///   - sequenceLength: L, the number of characters in an input.
    ///   - batchSize: the number of sequences in a batch, over all ranks.
    ///   - shuffle: whether each epoch visits the windows in its own order; streams are never
    ///     shuffled.
    ///   - seed: the random seed of the epochs' orders.
    ///   - stateful: whether to read streams.
    ///   - validationSplit: F, the fraction to hold out: the last ⌊F·n⌋ of n windows or, with
    ///     streams, of n characters.
    /// - Throws: `DTrainError` with `usage` when a size or fraction is out of range, with `badData`
    ///   when the text is too short for a batch or nothing would be held out.
    public init(
        corpus: Corpus, sequenceLength: Int = Setting.sequenceLength.defaultValue,
        batchSize: Int = Setting.batchSize.defaultValue, shuffle: Bool = Setting.shuffle.defaultValue,
        seed: UInt64 = Setting.seed.defaultValue, stateful: Bool = false, validationSplit: Double? = nil
    ) throws {
        guard sequenceLength > 0 else {
            throw DTrainError(
                .usage, "the sequence length is \(sequenceLength)", hint: "give `seq-length` at least 1")
        }
        guard batchSize > 0 else {
            throw DTrainError(.usage, "the batch size is \(batchSize)", hint: "give `batch-size` at least 1")
        }
        if let validationSplit, !(validationSplit > 0 && validationSplit < 1) {
            throw DTrainError(
                .usage, "the held-out fraction is \(validationSplit)",
                hint: "give `validation-split` a number between 0 and 1")
        }
        self.corpus = corpus
        self.sequenceLength = sequenceLength
        self.batchSize = batchSize
        self.shuffle = shuffle && !stateful
        self.seed = seed
        self.stateful = stateful
        let all =
            stateful ? corpus.count : TextWindows.count(characters: corpus.count, sequenceLength: sequenceLength)
        let trained = all - Int(((validationSplit ?? 0) * Double(all)).rounded(.down))
        windowCount = stateful ? 0 : trained
        windows = TextWindows(sequenceLength: sequenceLength, windows: 0..<windowCount)
        streams = stateful ? TextStreams(0..<trained, count: batchSize, sequenceLength: sequenceLength) : nil
        let sequences: HeldOutText.Sequences =
            stateful
            ? .streams(TextStreams(trained..<all, count: batchSize, sequenceLength: sequenceLength))
            : .windows(TextWindows(sequenceLength: sequenceLength, windows: trained..<all))
        let rest = HeldOutText(corpus, sequences, batchSize: batchSize, sequenceLength: sequenceLength)
        heldOut = validationSplit == nil ? nil : rest
        guard stepsPerEpoch > 0 else { throw tooShort(validationSplit) }
        if let validationSplit, rest.predictions == 0 {
            let held = stateful ? "\(all - trained) \(corpus.tokenization.rawValue)" : "none of its \(all) windows"
            throw DTrainError(
                .badData,
                "`validation-split` \(validationSplit) holds out \(held) of '\(corpus.name)', too little to measure",
                hint: "raise it, or use a longer text")
        }
    }

    /// The number of full batches in an epoch.
    public var stepsPerEpoch: Int { streams?.wholeSteps ?? windowCount / batchSize }

    /// The order of an epoch's windows: maps a place in the epoch to a window.
    ///
    /// - Parameter epoch: the epoch, from 0.
    package func order(epoch: Int) -> Permutation {
        shuffle
            ? Permutation(count: windowCount, seed: seed, epoch: epoch) : Permutation(identity: windowCount)
    }

    /// Reads the L + 1 ids of a window; the target is the input shifted by one.
    package func read(window: Int, into ids: UnsafeMutablePointer<UInt16>) {
        windows.read(window, of: corpus, into: ids)
    }

    private func tooShort(_ validationSplit: Double?) -> DTrainError {
        let length = sequenceLength.addingReportingOverflow(1)
        let needed = length.partialValue.multipliedReportingOverflow(by: batchSize)
        let amount = length.overflow || needed.overflow ? "more than \(Int.max)" : "\(needed.partialValue)"
        let rest = validationSplit.map { " besides the \($0) held out" } ?? ""
        return DTrainError(
            .badData,
            "'\(corpus.name)' has \(corpus.count) \(corpus.tokenization.rawValue), but one batch of \(batchSize) "
                + "sequences of \(sequenceLength) needs \(amount)\(rest)",
            hint: "lower `batch-size` or `seq-length`, or use a longer text")
    }
}
