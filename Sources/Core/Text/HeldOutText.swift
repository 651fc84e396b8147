/// A text that a training is measured on and never learns from.
///
/// It is cut as the training's own text: into windows from a state of zero, of which none is dropped, or into as many streams as a
/// batch has sequences, which are read to their end with their states carried on.
public struct HeldOutText: Sendable {
    /// The sequences of the text, in the way of the training's.
    enum Cut: Sendable {
        case windows(TextWindows)
        case streams(TextStreams)
    }

    /// The text, perhaps that of the training.
    public let corpus: Corpus
    /// B, the sequences that are read together, over all ranks.
    public let batchSize: Int
    /// S, the tokens of each.
    public let sequenceLength: Int
    let cut: Cut

    /// A text of its own, opened with the training's vocabulary.
    ///
    /// - Parameters:
    ///   - corpus: the text.
    ///   - data: the training's text, whose sequence length, batch size and streams are taken.
    /// - Throws: `DTrainError` with `badData` when the text is too short for a window or for streams.
    public init(_ corpus: Corpus, as data: SequenceDataset) throws {
        let cut: Cut =
            data.stateful
            ? .streams(
                TextStreams(0..<corpus.count, count: data.batchSize, sequenceLength: data.sequenceLength))
            : .windows(
                TextWindows(
                    sequenceLength: data.sequenceLength,
                    windows:
                        0..<TextWindows.count(
                            characters: corpus.count, sequenceLength: data.sequenceLength)))
        self.init(corpus, cut, batchSize: data.batchSize, sequenceLength: data.sequenceLength)
        guard predictions > 0 else {
            let needed = data.stateful ? data.batchSize + 1 : data.sequenceLength + 1
            throw DTrainError(
                .badData,
                "'\(corpus.name)' has \(corpus.count) \(corpus.tokenization.rawValue), but held-out data needs \(needed) at "
                    + "least",
                hint: "hold out a longer text")
        }
    }

    init(_ corpus: Corpus, _ cut: Cut, batchSize: Int, sequenceLength: Int) {
        (self.corpus, self.cut) = (corpus, cut)
        (self.batchSize, self.sequenceLength) = (batchSize, sequenceLength)
    }

    /// Whether states go on from batch to batch.
    public var carriesStates: Bool {
        if case .streams = cut { true } else { false }
    }

    /// The characters that are predicted.
    public var predictions: Int {
        switch cut {
        case .windows(let windows): windows.windows.count * sequenceLength
        case .streams(let streams): streams.count * streams.length
        }
    }
}
