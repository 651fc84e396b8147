import ArgumentParser
import DTrainCore
import FoundationEssentials

/// `dtrain evaluate`: how well a model predicts a text.
struct Evaluate: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Measure a model's loss on a text.",
        discussion: """
            The text is cut into windows of the sequence length that the model was trained with, each from a zero state as in \
            training; every character but the first is predicted once.
            """)

    @OptionGroup var model: ModelUseOptions

    @Option(
        help: .init(
            "UTF-8 text (default: $DTRAIN_DATA, else the corpus that scripts/fetch-corpus has fetched).",
            valueName: "file"))
    var data: String?

    @Option(
        help: "Characters per window (default: as trained; \(Setting.sequenceLength.defaultText) for a generator).",
        transform: positive)
    var seqLength: Int?

    @Flag(help: "Print one JSON object.")
    var json = false

    private struct Report: Encodable {
        let loss: Double
        let bitsPerCharacter: Double
        let perplexity: Double
        let characters: Int

        enum CodingKeys: String, CodingKey {
            case loss, perplexity, characters
            case bitsPerCharacter = "bits_per_character"
        }
    }

    func run() throws {
        let loaded = try LoadedModel(model.checkpoint, vocabulary: model.vocabulary)
        let corpus = try Corpus(path: try data ?? DefaultCorpus.path(), vocabulary: loaded.vocabulary)
        if corpus.unknownCount > 0 {
            Console.warning(
                "\(corpus.unknownCount) characters of '\(corpus.path)' are not in the model's vocabulary: counted as [UNK]"
            )
        }
        let evaluator = try Evaluator(
            checkpoint: loaded.checkpoint, sequenceLength: seqLength, threads: model.threads)
        try show(try evaluator.evaluate(corpus))
    }

    private func show(_ result: Evaluator.Result) throws {
        guard json else {
            try Console.output(
                "loss \(result.loss.fixed(4)) nats, \(result.bitsPerCharacter.fixed(4)) bits per character, perplexity "
                    + "\(result.perplexity.fixed(4)), over \(result.characters.grouped) characters\n")
            return
        }
        guard result.loss.isFinite, result.perplexity.isFinite else {
            throw DTrainError(.badData, "the loss is \(result.loss), which JSON can't say; check the checkpoint")
        }
        let encoder = JSONEncoder()
        encoder.outputFormatting = .sortedKeys
        let report = Report(
            loss: result.loss, bitsPerCharacter: result.bitsPerCharacter, perplexity: result.perplexity,
            characters: result.characters)
        try Console.output(String(decoding: try encoder.encode(report), as: UTF8.self) + "\n")
    }
}
