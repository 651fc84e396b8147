import ArgumentParser
import DTrainCore

/// `dtrain generate`: text from a trained model.
struct Generate: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Continue prompts with a trained model.",
        discussion: """
            Prints each prompt with its continuation, a single one as it is generated; everything else goes to standard \
            error. A model of bytes gets the prompt's UTF-8, and what it generates is written as it is. \
            docs/generation.md explains the flags.
            """)

    @Option(help: .usedCheckpoint, completion: .file())
    var checkpoint: String

    @OptionGroup var model: ModelUseOptions
    @OptionGroup var prompts: PromptOptions

    @Option(help: "Characters to generate for each prompt (default: 1000).", transform: wholeNumber)
    var length = 1000

    @OptionGroup var sampling: SamplingOptions

    @Option(help: "Continuations of each prompt (default: 1).", transform: sampleCount)
    var samples = 1

    @Option(
        help: .init(
            "End a continuation before this text; give it again for more.", valueName: "text"))
    var stop: [String] = []

    @Option(
        help: .init(
            "Printed between texts; \\n, \\t and \\\\ are understood (default: \\n, on a terminal a numbered line).",
            valueName: "text"),
        transform: unescaped)
    var separator: String?

    @Flag(help: "Print one JSON object for each text, with the log-probability of each character.")
    var json = false

    @Option(help: "Operands of the big products: bf16 may be faster, and other characters may follow.")
    var precision = Setting.precision.defaultValue

    func validate() throws {
        guard !stop.contains("") else {
            throw ValidationError("a text to stop at is empty: give --stop with at least one character")
        }
        if sampling.greedy, samples > 1 {
            throw ValidationError(
                "--greedy takes the likeliest character, so all \(samples) samples would be the same: use one of "
                    + "--greedy and --samples")
        }
        if json, separator != nil {
            throw ValidationError("--json prints one object a line, whatever --separator says: use one of them")
        }
    }

    func run() throws {
        let loaded = try LoadedModel(checkpoint, options: model.file)
        let prompts = try prompts.ids(for: loaded)
        var options = GenerationOptions(length: length, method: sampling.method, seed: sampling.seed)
        options.samples = samples
        options.stops = try stop.map { try loaded.ids(of: $0, in: "--stop") }
        options.reportsLogProbabilities = json
        let generator = try Generator(checkpoint: loaded.checkpoint, precision: precision, threads: model.threads)
        let output = GeneratedOutput(vocabulary: loaded.vocabulary, prompts: prompts, stops: stop)
        if json {
            try output.writeJSON(generator.continuations(of: prompts, options))
        } else if prompts.count == 1, samples == 1 {
            try output.stream { _ = try generator.stream(prompts[0], options, to: $0) }
        } else if separator == nil, Console.isTerminal(underLauncher: false) {
            try output.writeHeaded(generator.continuations(of: prompts, options))
        } else {
            try output.write(generator.continuations(of: prompts, options), separator: separator ?? "\n")
        }
    }
}
