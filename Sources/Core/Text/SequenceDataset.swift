/// A corpus cut into the sequences of a training, and the order in which each epoch's batches visit them.
///
/// Windows are L + 1 consecutive characters each: the input is the first L ids and the target the last L, the same text one
/// character on. What is left of the text after the last full window is dropped, and so is what is left of the windows after an
/// epoch's last full batch.
///
/// With streams (`stateful`), the text is cut into as many pieces as a batch has sequences, which are read side by side from
/// their start: a batch goes on where the one before has ended, and so do the states of the recurrent layers. What a stream has
/// left after an epoch's last full batch is dropped.
public struct SequenceDataset: Sendable {
    /// The text.
    public let corpus: Corpus
    /// L, the characters of an input.
    public let sequenceLength: Int
    /// Sequences in a global batch, over all ranks.
    public let batchSize: Int
    /// Whether each epoch has its own order; otherwise all go through the text from its start, as streams do.
    public let shuffle: Bool
    /// What the epochs' orders follow from.
    public let seed: UInt64
    /// Whether the sequences of a batch go on where those of the batch before ended.
    public let stateful: Bool
    /// How many windows the training has; 0 with streams.
    public let windowCount: Int
    /// What is held out of the text's end; nil where all of it is trained on.
    public let heldOut: HeldOutText?

    let windows: TextWindows
    let streams: TextStreams?

    /// Divides a corpus.
    ///
    /// - Parameters:
    ///   - corpus: the text.
    ///   - sequenceLength: L, the characters of an input.
    ///   - batchSize: the sequences of a batch, over all ranks.
    ///   - shuffle: whether each epoch visits the windows in an order of its own; streams are never shuffled.
    ///   - seed: what the epochs' orders follow from.
    ///   - stateful: whether to read streams.
    ///   - validationSplit: F, the part to hold out: the last ⌊F·n⌋ of n windows or, with streams, of n characters.
    /// - Throws: `DTrainError` with `usage` when a size is not positive, with `badData` when the text is too short for a batch or
    ///   nothing would be held out.
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
                .usage, "the part to hold out is \(validationSplit)",
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
        let cut: HeldOutText.Cut =
            stateful
            ? .streams(TextStreams(trained..<all, count: batchSize, sequenceLength: sequenceLength))
            : .windows(TextWindows(sequenceLength: sequenceLength, windows: trained..<all))
        let rest = HeldOutText(corpus, cut, batchSize: batchSize, sequenceLength: sequenceLength)
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

    /// The full batches of an epoch.
    public var stepsPerEpoch: Int { streams?.wholeSteps ?? windowCount / batchSize }

    /// The order of an epoch's windows: place in the epoch → window.
    ///
    /// - Parameter epoch: the epoch, from 0.
    package func order(epoch: Int) -> Permutation {
        shuffle
            ? Permutation(count: windowCount, seed: seed, epoch: epoch) : Permutation(identity: windowCount)
    }

    /// Reads the L + 1 ids of a window: the input from the first on, the target from the second on.
    package func read(window: Int, into ids: UnsafeMutablePointer<UInt16>) {
        windows.read(window, of: corpus, into: ids)
    }

    private func tooShort(_ validationSplit: Double?) -> DTrainError {
        let length = sequenceLength.addingReportingOverflow(1)
        let needed = length.partialValue.multipliedReportingOverflow(by: batchSize)
        let amount = length.overflow || needed.overflow ? "more than \(Int.max)" : "\(needed.partialValue)"
        let rest = validationSplit.map { " beside the \($0) held out" } ?? ""
        return DTrainError(
            .badData,
            "'\(corpus.name)' has \(corpus.count) \(corpus.tokenization.rawValue), but one batch of \(batchSize) "
                + "sequences of \(sequenceLength) needs \(amount)\(rest)",
            hint: "lower `batch-size` or `seq-length`, or use a longer text")
    }
}
