import ArgumentParser
import DTrainCore
import Pages

/// `dtrain evaluate`: measures how well models predict a text.
struct Evaluate: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Measure a model's loss on a text.",
        discussion: """
            Splits the text into windows of the model's training sequence length, each starting from a zero state as in \
            training. Every character or byte except the first is predicted once. Prints a line for each checkpoint, or \
            with --json one JSON object per line; standard error names the model and the text.
            """)

    @Option(parsing: .upToNextOption, help: .usedCheckpoint, completion: .file())
    var checkpoint: [String]

    @OptionGroup var model: ModelUseOptions
    @OptionGroup var text: TextOptions

    @Option(
        help: "Characters per window (default: as trained, or \(Setting.sequenceLength.defaultText) for a generator).",
        transform: positive)
    var seqLength: Int?

    @Flag(help: "Read 64 long streams with carried states instead of windows.")
    var carryState = false

    @Option(help: "Operands of the large matrix products; bf16 may be faster.")
    var precision = Setting.precision.defaultValue

    @Flag(help: "Print one JSON object per checkpoint.")
    var json = false

    func run() throws {
        // Open all before the first evaluation, which may take long: an error shows at once.
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

    /// Opens the text with the model's vocabulary; encodes it again only if the vocabulary differs.
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
        if let warning = corpus.warning { Console.warning(warning) }
        if corpus.unknownCount > 0 {
            Console.warning(
                "\(corpus.unknownCount) characters of '\(corpus.name)' are not in the model's vocabulary: counted as [UNK]"
            )
        }
        return corpus
    }
}
