import DTrainCore

/// A text that rank 0 continues after each epoch, to show what the model has learned.
struct EpochSample {
    private let prompt: [UInt16]
    private let vocabulary: Vocabulary
    private let (seed, threads): (UInt64, Int)

    /// The number of characters to generate.
    private static let length = 200

    /// Prepares to continue a text.
    ///
    /// - Throws: `DTrainError` with `usage` if the text is empty or has characters that the
    ///   vocabulary lacks.
    init(_ text: String, _ vocabulary: Vocabulary, seed: UInt64, threads: Int) throws {
        guard !text.isEmpty else {
            throw DTrainError(.usage, "`sample` is empty; give at least one character to start from")
        }
        if let missing = vocabulary.missing(in: text).first {
            let code = String(missing.value, radix: 16, uppercase: true)
            throw DTrainError(
                .usage, "the vocabulary lacks a character of `sample`, \"\(missing)\" (U+\(code)); leave it out")
        }
        (prompt, self.vocabulary) = (vocabulary.encode(text), vocabulary)
        (self.seed, self.threads) = (seed, threads)
    }

    /// Returns the text with its continuation at temperature 1, as `generate` writes it with the
    /// training's seed.
    func text(of replica: Replica) throws -> String {
        let generator = try Generator(layout: replica.layout, parameters: replica.parameters, threads: threads)
        let ids = try generator.generate(
            prompts: [prompt], length: Self.length, method: .temperature(1), seed: seed)
        return vocabulary.decode(prompt + (ids.first ?? []))
    }
}
