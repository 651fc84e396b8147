import DTrainCore
import FoundationEssentials
import Pages

/// The result of evaluating one checkpoint on one text.
struct Evaluation {
    let checkpoint: Checkpoint
    let corpus: Corpus
    let result: Evaluator.Result

    /// The object that `--json` prints.
    private struct Report: Encodable {
        let loss: Double
        let bitsPerCharacter: Double?
        let bitsPerByte: Double?
        let perplexity: Double
        let characters: Int?
        let unknownCharacters: Int?
        let bytes: Int?
        let checkpoint: String
        let step: Int?
        let data: [String]

        enum CodingKeys: String, CodingKey {
            case loss, perplexity, characters, bytes, checkpoint, step, data
            case bitsPerCharacter = "bits_per_character"
            case bitsPerByte = "bits_per_byte"
            case unknownCharacters = "unknown_characters"
        }
    }

    /// Encodes the result as a JSON object on one line.
    ///
    /// - Throws: `DTrainError` with `badData` if the loss isn't finite, which JSON can't represent.
    func json() throws -> String {
        guard result.loss.isFinite, result.perplexity.isFinite else {
            throw DTrainError(
                .badData,
                "the loss of '\(checkpoint.path)' is \(result.loss), which JSON can't represent; check the checkpoint")
        }
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        let isBytes = corpus.tokenization == .bytes
        let report = Report(
            loss: result.loss, bitsPerCharacter: isBytes ? nil : result.bitsPerCharacter,
            bitsPerByte: isBytes ? result.bitsPerCharacter : nil, perplexity: result.perplexity,
            characters: isBytes ? nil : result.characters, unknownCharacters: isBytes ? nil : corpus.unknownCount,
            bytes: isBytes ? result.characters : nil, checkpoint: checkpoint.path,
            step: checkpoint.metadata.progress?.step, data: corpus.paths)
        return String(decoding: try encoder.encode(report), as: UTF8.self) + "\n"
    }

    /// The line for a single checkpoint.
    var text: String {
        "loss \(result.loss.fixed(4)) nats, \(result.bitsPerCharacter.fixed(4)) bits per "
            + "\(corpus.tokenization.unit), perplexity \(result.perplexity.fixed(4)), over "
            + "\(result.characters.grouped) \(corpus.tokenization.rawValue)\n"
    }
}

/// A table with a line for each checkpoint.
struct EvaluationTable {
    private let width: Int
    private let tokenizations: Set<Tokenization>

    /// - Parameter models: the models of all lines, which set the column width.
    init(_ models: [LoadedModel]) {
        width = models.map(\.checkpoint.path.count).max() ?? 0
        tokenizations = Set(models.map(\.vocabulary.tokenization))
    }

    /// The line of column names.
    var header: String {
        let (unit, units) =
            switch tokenizations {
            case [.characters]: ("char", "characters")
            case [.bytes]: ("byte", "bytes")
            default: ("token", "tokens")
            }
        return row("checkpoint", "step", "loss", "bits/\(unit)", "perplexity", units, "unknown")
    }

    /// The line of a checkpoint.
    func row(_ evaluation: Evaluation) -> String {
        let result = evaluation.result
        return row(
            evaluation.checkpoint.path, evaluation.checkpoint.metadata.progress.map { $0.step.grouped } ?? "-",
            result.loss.fixed(4), result.bitsPerCharacter.fixed(4), result.perplexity.fixed(4),
            result.characters.grouped, evaluation.corpus.unknownCount.grouped)
    }

    private func row(_ checkpoint: String, _ columns: String...) -> String {
        func padding(_ text: String, _ width: Int) -> String {
            String(repeating: " ", count: max(0, width - text.count))
        }
        return checkpoint + padding(checkpoint, max(width, 10)) + columns.map { "  " + padding($0, 10) + $0 }.joined()
            + "\n"
    }
}
