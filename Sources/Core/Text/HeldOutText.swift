/// Text that a model is evaluated on during training and never trained on.
///
/// It is divided as the training text is: into windows, which start from zero states, or into
/// streams, one per sequence of a batch, which carry their states. No window is dropped, and
/// streams are read to their end.
public struct HeldOutText: Sendable {
    /// The division into sequences.
    enum Sequences: Sendable {
        case windows(TextWindows)
        case streams(TextStreams)
    }

    /// The text; may be the training text.
    public let corpus: Corpus
    /// B, the number of sequences that are read together, over all ranks.
    public let batchSize: Int
    /// S, the number of tokens per sequence.
    public let sequenceLength: Int
    let sequences: Sequences

    /// Divides a separate text, opened with the training text's vocabulary.
    ///
    /// - Parameters:
    ///   - corpus: the text.
    ///   - data: the training data, for its sequence length, batch size and statefulness.
    /// - Throws: `DTrainError` with `badData` when the text is too short for one window, or for the
    ///   streams.
    public init(_ corpus: Corpus, as data: SequenceDataset) throws {
        let sequences: Sequences =
            data.stateful
            ? .streams(
                TextStreams(0..<corpus.count, count: data.batchSize, sequenceLength: data.sequenceLength))
            : .windows(
                TextWindows(
                    sequenceLength: data.sequenceLength,
                    windows:
                        0..<TextWindows.count(
                            characters: corpus.count, sequenceLength: data.sequenceLength)))
        self.init(corpus, sequences, batchSize: data.batchSize, sequenceLength: data.sequenceLength)
        guard predictions > 0 else {
            let needed = data.stateful ? data.batchSize + 1 : data.sequenceLength + 1
            throw DTrainError(
                .badData,
                "'\(corpus.name)' has \(corpus.count) \(corpus.tokenization.rawValue), but held-out data needs \(needed) at "
                    + "least",
                hint: "hold out a longer text")
        }
    }

    init(_ corpus: Corpus, _ sequences: Sequences, batchSize: Int, sequenceLength: Int) {
        (self.corpus, self.sequences) = (corpus, sequences)
        (self.batchSize, self.sequenceLength) = (batchSize, sequenceLength)
    }

    /// Whether states carry over from one batch to the next.
    public var carriesStates: Bool {
        if case .streams = sequences { true } else { false }
    }

    /// The number of predicted characters.
    public var predictions: Int {
        switch sequences {
        case .windows(let windows): windows.windows.count * sequenceLength
        case .streams(let streams): streams.count * streams.length
        }
    }
}
