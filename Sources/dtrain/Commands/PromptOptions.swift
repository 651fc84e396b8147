import ArgumentParser
import DTrainCore

/// The prompts of `generate`.
struct PromptOptions: ParsableArguments {
    @Option(help: .init("Text to continue; repeatable, all are generated together.", valueName: "text"))
    private var prompt: [String] = []

    @Option(
        help: .init("Read a prompt from a file, or - for standard input.", valueName: "file"), completion: .file())
    private var promptFile: String?

    func validate() throws {
        guard !prompt.contains(""), !prompt.isEmpty || promptFile != nil else {
            throw ValidationError(
                "the prompt is missing or empty: give --prompt with at least one character, or --prompt-file")
        }
    }

    /// The ids of the prompts, with the file's last.
    ///
    /// - Throws: `DTrainError` with `usage` for characters that the vocabulary lacks, or the error
    ///   of opening the file.
    func ids(for model: LoadedModel) throws -> [[UInt16]] {
        try prompt.map { try model.ids(of: $0, in: "the prompt") } + [promptFile].compactMap(\.self).map(model.ids)
    }
}

extension LoadedModel {
    /// The ids of a text.
    ///
    /// - Parameter place: where the text comes from, for the error.
    /// - Throws: `DTrainError` with `usage` for characters that the vocabulary lacks.
    func ids(of text: String, in place: String) throws -> [UInt16] {
        try requireNone(missing: vocabulary.missing(in: text), in: place)
        return vocabulary.encode(text)
    }

    /// The ids of a file's text.
    fileprivate func ids(ofFile path: String) throws -> [UInt16] {
        let path = path == "-" ? "/dev/stdin" : path
        let corpus = try Corpus(paths: [path], vocabulary: vocabulary, pipes: .read { true })
        if corpus.unknownCount > 0 {
            let all = try Corpus(corpus, vocabulary: nil).vocabulary.scalars
            try requireNone(missing: all.filter { vocabulary.id(of: $0) == 0 }, in: "'\(path)'")
        }
        return corpus[0..<corpus.count]
    }

    private func requireNone(missing: [Unicode.Scalar], in place: String) throws {
        guard !missing.isEmpty else { return }
        throw DTrainError(
            .usage, "the vocabulary of '\(checkpoint.path)' lacks \(Self.names(missing)) of \(place); leave them out")
    }

    /// `"ø" (U+00F8), "\n" (U+000A)`.
    private static func names(_ scalars: [Unicode.Scalar]) -> String {
        let shown = scalars.prefix(20).map { scalar in
            let code = String(scalar.value, radix: 16, uppercase: true)
            let padded = String(repeating: "0", count: max(0, 4 - code.count)) + code
            return "\"\(scalar.escaped(asASCII: false))\" (U+\(padded))"
        }.joined(separator: ", ")
        return scalars.count > 20 ? "\(shown) and \(scalars.count - 20) more" : shown
    }
}
