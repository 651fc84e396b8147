import DTrainCore
import FoundationEssentials

/// What an evaluation has measured of one checkpoint on one text.
struct Evaluation {
    let checkpoint: Checkpoint
    let corpus: Corpus
    let result: Evaluator.Result

    /// The form of `--json`.
    private struct Report: Encodable {
        let loss: Double
        let bitsPerCharacter: Double
        let perplexity: Double
        let characters: Int
        let unknownCharacters: Int
        let checkpoint: String
        let step: Int?
        let data: [String]

        enum CodingKeys: String, CodingKey {
            case loss, perplexity, characters, checkpoint, step, data
            case bitsPerCharacter = "bits_per_character"
            case unknownCharacters = "unknown_characters"
        }
    }

    /// One JSON object, one line.
    ///
    /// - Throws: `DTrainError` with `badData` when the loss is no number that JSON has.
    func json() throws -> String {
        guard result.loss.isFinite, result.perplexity.isFinite else {
            throw DTrainError(
                .badData,
                "the loss of '\(checkpoint.path)' is \(result.loss), which JSON can't say; check the checkpoint")
        }
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        let report = Report(
            loss: result.loss, bitsPerCharacter: result.bitsPerCharacter, perplexity: result.perplexity,
            characters: result.characters, unknownCharacters: corpus.unknownCount, checkpoint: checkpoint.path,
            step: checkpoint.metadata.progress?.step, data: corpus.paths)
        return String(decoding: try encoder.encode(report), as: UTF8.self) + "\n"
    }

    /// A sentence, for a single checkpoint.
    var text: String {
        "loss \(result.loss.fixed(4)) nats, \(result.bitsPerCharacter.fixed(4)) bits per character, perplexity "
            + "\(result.perplexity.fixed(4)), over \(result.characters.grouped) characters\n"
    }
}

/// A line for each of several checkpoints.
struct EvaluationTable {
    private let width: Int

    /// - Parameter checkpoints: those to come.
    init(_ checkpoints: [Checkpoint]) {
        width = checkpoints.map(\.path.count).max() ?? 0
    }

    /// The columns' names.
    var header: String { row("checkpoint", "step", "loss", "bits/char", "perplexity", "characters", "unknown") }

    /// A checkpoint's line.
    func row(_ evaluation: Evaluation) -> String {
        let result = evaluation.result
        return row(
            evaluation.checkpoint.path, evaluation.checkpoint.metadata.progress.map { "\($0.step)" } ?? "-",
            result.loss.fixed(4), result.bitsPerCharacter.fixed(4), result.perplexity.fixed(4),
            "\(result.characters)", "\(evaluation.corpus.unknownCount)")
    }

    private func row(_ checkpoint: String, _ columns: String...) -> String {
        func padding(_ text: String, _ width: Int) -> String {
            String(repeating: " ", count: max(0, width - text.count))
        }
        return checkpoint + padding(checkpoint, max(width, 10)) + columns.map { "  " + padding($0, 10) + $0 }.joined()
            + "\n"
    }
}
