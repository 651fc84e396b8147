import ArgumentParser
import DTrainCore
import Pages
import Reports

/// `dtrain inspect`: writes a page about a model's predictions of a text.
struct Inspect: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Write a page that shows how surprising each character of a text is to a model.",
        discussion: """
            Colors each character by its surprisal, with the likeliest alternatives, and lists the most surprising \
            passages. A curve shows how long a changed character still changes the predictions. Covers the first --limit \
            characters of the text.

              dtrain inspect --checkpoint run --data play.txt --output inspect.html
            """)

    @Option(help: .usedCheckpoint, completion: .file())
    var checkpoint: String

    @OptionGroup var model: ModelUseOptions
    @OptionGroup var text: TextOptions

    @Option(help: .init("HTML page to write.", valueName: "file"), completion: .file())
    var output: String

    @Option(
        help: "Characters to show, at most \(Inspection.maximumCharacters) (default: 10000).",
        transform: positive)
    var limit = 10_000

    func validate() throws {
        guard limit >= 2, limit <= Inspection.maximumCharacters else {
            throw ValidationError(
                "--limit \(limit) is out of range: give a number from 2 to \(Inspection.maximumCharacters)")
        }
    }

    func run() throws {
        let page = try OutputPage(output)
        let loaded = try LoadedModel(checkpoint, options: model.file)
        let corpus = try Corpus(
            paths: try text.given ?? DefaultCorpus.paths(), vocabulary: loaded.vocabulary, pipes: .read { true })
        try corpus.requireKnownCharacters(of: loaded.checkpoint.path)
        warnOfUnknownCharacters(corpus)
        let inspection = try Inspection(
            loaded.checkpoint, vocabulary: loaded.vocabulary, corpus: corpus, limit: limit, threads: model.threads)
        try page.write(InspectionPage.html(inspection))
        if corpus.count > limit {
            Console.notice(
                "the page shows the first \(limit.grouped) of \(corpus.count.grouped) \(corpus.tokenization.rawValue): see --limit"
            )
        }
    }

    /// Warns if shown characters are missing from the vocabulary, with their number.
    private func warnOfUnknownCharacters(_ corpus: Corpus) {
        guard corpus.unknownCount > 0 else { return }
        let shown = min(limit, corpus.count)
        let unknown = corpus[0..<shown].count { $0 == 0 }
        guard unknown > 0 else { return }
        let part = shown < corpus.count ? "of the first \(shown.grouped) of" : "of"
        Console.warning(
            "\(unknown.grouped) \(unknown == 1 ? "character" : "characters") \(part) '\(corpus.name)' "
                + "\(unknown == 1 ? "is" : "are") not in the model's vocabulary: shown as [UNK]")
    }
}
