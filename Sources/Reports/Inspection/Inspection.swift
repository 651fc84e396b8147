import DTrainCore

/// What a model expects of a text, character by character, and how far back it remembers.
public struct Inspection: Sendable {
    /// The checkpoint's file.
    let checkpoint: String
    /// Steps of its training; nil for a generator.
    let step: Int?
    /// Characters of the sequences that it was trained on; nil where that isn't known or states were carried on.
    let trainedLength: Int?
    let vocabulary: Vocabulary
    /// What was named as the text, and its length.
    let name: String
    let count: Int
    /// The ids of its beginning.
    let ids: [UInt16]
    /// One for each id but the first.
    let surprisals: [Surprisal]
    /// nil for a text that is too short.
    let memory: MemoryCurve?

    /// The most characters that a page shows.
    public static let mostCharacters = 200_000

    /// Mean bits per character.
    var bits: Double { surprisals.reduce(0) { $0 + $1.bits } / Double(surprisals.count) }

    /// The share of characters among the n likeliest ones at their places.
    func accuracy(_ n: Int) -> Double {
        let hits = surprisals.count { surprisal in surprisal.alternatives.prefix(n).contains { $0.id == surprisal.id } }
        return Double(hits) / Double(surprisals.count)
    }

    /// "character" or "byte".
    var unit: String { vocabulary.tokenization.unit }
    var units: String { vocabulary.tokenization.rawValue }
}

extension Inspection {
    /// Measures a model on the beginning of a text.
    ///
    /// - Parameters:
    ///   - checkpoint: the model.
    ///   - vocabulary: its vocabulary.
    ///   - corpus: the text, opened with that vocabulary.
    ///   - limit: the most characters that are looked at.
    ///   - threads: worker threads.
    /// - Throws: `DTrainError` with `badData` for a text of fewer than two characters, `internal` when memory runs out.
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
