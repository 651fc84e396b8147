import DTrainCore
import DTrainDistributed
import FoundationEssentials
import Pages

/// The output of `generate`: each text is a prompt with its continuation.
struct GeneratedOutput {
    let vocabulary: Vocabulary
    /// The ids of each prompt.
    let prompts: [[UInt16]]
    /// The texts to stop at.
    let stops: [String]

    /// The object that `--json` prints for a text.
    private struct Report: Encodable {
        let prompt: String
        let sample: Int
        let text: String
        let logProbabilities: [Float]
        let stop: String?

        enum CodingKeys: String, CodingKey {
            case prompt, sample, text, stop
            case logProbabilities = "log_probabilities"
        }
    }

    /// Writes the first prompt and its continuation while it is generated.
    ///
    /// - Parameter generate: generates the continuation and calls its argument with each part of
    ///   it.
    /// - Throws: `DTrainError` with `inputOutput` if writing fails, or the error of `generate`.
    func stream(_ generate: ((ArraySlice<UInt16>) throws -> Void) throws -> Void) throws {
        var stream = OutputStream()
        stream.hold(vocabulary.bytes(of: prompts[0]))
        try generate { ids in try stream.write(vocabulary.bytes(of: Array(ids))) }
        stream.hold(Array("\n".utf8))
        try stream.flush()
    }

    /// Writes whole texts with a separator between them and a newline after the last.
    ///
    /// - Throws: `DTrainError` with `inputOutput` if writing fails.
    func write(_ texts: [Continuation], separator: String) throws {
        for (index, text) in texts.enumerated() {
            let end = index == texts.count - 1 ? "\n" : separator
            try Console.output(vocabulary.bytes(of: prompts[text.prompt] + text.ids) + Array(end.utf8))
        }
    }

    /// Writes whole texts to a terminal, each after a numbered line.
    ///
    /// - Throws: `DTrainError` with `inputOutput` if writing fails.
    func writeHeaded(_ texts: [Continuation]) throws {
        for (index, text) in texts.enumerated() {
            let heading = TextStyle.bold.text("--- \((index + 1).grouped) of \(texts.count.grouped) ---", isShown: true)
            try Console.output(
                Array("\(heading)\n".utf8) + vocabulary.bytes(of: prompts[text.prompt] + text.ids) + Array("\n".utf8))
        }
    }

    /// Writes a JSON object for each text, one a line.
    ///
    /// - Throws: `DTrainError` with `inputOutput` if writing fails, `badData` if a log-probability
    ///   isn't finite.
    func writeJSON(_ texts: [Continuation]) throws {
        guard texts.allSatisfy({ $0.logProbabilities.allSatisfy(\.isFinite) }) else {
            throw DTrainError(
                .badData,
                "the model's logits overflow, and JSON can't represent their probabilities; check the checkpoint")
        }
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        for text in texts {
            let report = Report(
                prompt: string(prompts[text.prompt]), sample: text.sample, text: string(text.ids),
                logProbabilities: text.logProbabilities, stop: text.stop.map { stops[$0] })
            try Console.output(try encoder.encode(report) + Array("\n".utf8))
        }
    }

    private func string(_ ids: [UInt16]) -> String { vocabulary.decode(ids) }
}
