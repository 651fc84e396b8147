import ArgumentParser
import DTrainCore

/// `dtrain evaluate`: how well models predict a text.
struct Evaluate: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Measure a model's loss on a text.",
        discussion: """
            The text is cut into windows of the sequence length that the model was trained with, each from a zero state as in \
            training; every character or byte but the first is predicted once. Several checkpoints give a line each; with \
            --json a line is one object. What is evaluated is said on standard error.
            """)

    @Option(parsing: .upToNextOption, help: .usedCheckpoint, completion: .file())
    var checkpoint: [String]

    @OptionGroup var model: ModelUseOptions
    @OptionGroup var text: TextOptions

    @Option(
        help: "Characters per window (default: as trained; \(Setting.sequenceLength.defaultText) for a generator).",
        transform: positive)
    var seqLength: Int?

    @Flag(help: "Read the text in 64 streams whose states go on, instead of windows.")
    var carryState = false

    @Option(help: "Operands of the big products: bf16 may be faster.")
    var precision = Setting.precision.defaultValue

    @Flag(help: "Print one JSON object for each checkpoint.")
    var json = false

    func run() throws {
        // All are opened before the first is evaluated, which may take long.
        let models = try checkpoint.map { try LoadedModel($0, options: model.file) }
        let table = models.count > 1 && !json ? EvaluationTable(models) : nil
        var corpus: Corpus?
        for (index, model) in models.enumerated() {
            let read = try open(model, corpus)
            corpus = read
            let evaluator = try Evaluator(
                checkpoint: model.checkpoint, sequenceLength: seqLength, precision: precision,
                threads: self.model.threads)
            let evaluation = Evaluation(
                checkpoint: model.checkpoint, corpus: read, result: try evaluator.evaluate(read, carryState: carryState)
            )
            if index == 0, let table { try Console.output(table.header) }
            try Console.output(json ? evaluation.json() : table?.row(evaluation) ?? evaluation.text)
        }
    }

    /// The text with the model's vocabulary, read again only where that is another one.
    private func open(_ model: LoadedModel, _ earlier: Corpus?) throws -> Corpus {
        let corpus =
            if let earlier {
                earlier.vocabulary == model.vocabulary
                    ? earlier : try Corpus(earlier, vocabulary: model.vocabulary)
            } else {
                try Corpus(
                    paths: try text.given ?? DefaultCorpus.paths(), vocabulary: model.vocabulary,
                    pipes: .read { true })
            }
        try corpus.requireKnownCharacters(of: model.checkpoint.path)
        let step = model.checkpoint.metadata.progress.map { "step \($0.step)" } ?? "a generator"
        Console.notice(
            "evaluating '\(model.checkpoint.path)' (\(step)) on '\(corpus.name)': \(corpus.count.grouped) "
                + corpus.tokenization.rawValue
                + (corpus.tokenization == .characters ? ", \(corpus.unknownCount.grouped) unknown" : ""))
        if let doubt = corpus.doubt { Console.warning(doubt) }
        if corpus.unknownCount > 0 {
            Console.warning(
                "\(corpus.unknownCount) characters of '\(corpus.name)' are not in the model's vocabulary: counted as [UNK]"
            )
        }
        return corpus
    }
}
