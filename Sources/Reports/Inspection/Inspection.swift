import DTrainCore

/// A model's predictions of a text, character by character, and the length of its memory.
public struct Inspection: Sendable {
    /// The checkpoint's file.
    let checkpoint: String
    /// The checkpoint's training step; nil for a generator.
    let step: Int?
    /// The training's sequence length; nil if unknown or if states were carried.
    let trainedLength: Int?
    let vocabulary: Vocabulary
    /// The text's name and length.
    let name: String
    let count: Int
    /// The ids of the inspected beginning of the text.
    let ids: [UInt16]
    /// The surprisal of each id except the first.
    let surprisals: [Surprisal]
    /// The memory curve; nil if the text is too short.
    let memory: MemoryCurve?

    /// The maximum number of characters on a page.
    public static let maximumCharacters = 200_000

    /// Mean bits per character.
    var bits: Double { surprisals.reduce(0) { $0 + $1.bits } / Double(surprisals.count) }

    /// Top-n accuracy: the share of characters among the model's n likeliest predictions.
    func accuracy(_ n: Int) -> Double {
        let hits = surprisals.count { surprisal in surprisal.alternatives.prefix(n).contains { $0.id == surprisal.id } }
        return Double(hits) / Double(surprisals.count)
    }

    /// "character" or "byte".
    var unit: String { vocabulary.tokenization.unit }
    var units: String { vocabulary.tokenization.rawValue }
}

extension Inspection {
    /// Inspects a model on the beginning of a text.
    ///
    /// - Parameters:
    ///   - checkpoint: the model.
    ///   - vocabulary: its vocabulary.
    ///   - corpus: the text, opened with that vocabulary.
    ///   - limit: the maximum number of characters to inspect.
    ///   - threads: worker threads.
    /// - Throws: `DTrainError` with `badData` for a text of fewer than two characters, `internal`
    ///   if memory runs out.
    public init(_ checkpoint: Checkpoint, vocabulary: Vocabulary, corpus: Corpus, limit: Int, threads: Int) throws {
        let reader = try PredictionReader(checkpoint: checkpoint, threads: threads)
        let settings = checkpoint.metadata.settings
        let ids = corpus[0..<min(limit, corpus.count)]
        self.init(
            checkpoint: checkpoint.path, step: checkpoint.metadata.progress?.step,
            trainedLength: settings.flatMap { $0[.stateful] ? nil : $0[.sequenceLength] }, vocabulary: vocabulary,
            name: corpus.name == "/dev/stdin" ? "standard input" : corpus.name, count: corpus.count, ids: ids,
            surprisals: try reader.surprisals(of: ids),
            memory: try reader.memoryCurve(of: ids, seed: Setting.seed.defaultValue))
    }
}
