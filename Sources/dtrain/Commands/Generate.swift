import ArgumentParser
import DTrainCore

/// `dtrain generate`: continues prompts with a trained model.
struct Generate: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Continue prompts with a trained model.",
        discussion: """
            Prints each prompt with its continuation. A single continuation appears as it is generated. Messages go to \
            standard error. A model of bytes reads the prompt's UTF-8, and its bytes are printed unchanged. \
            docs/generation.md explains the flags.
            """)

    @Option(help: .usedCheckpoint, completion: .file())
    var checkpoint: String

    @OptionGroup var model: ModelUseOptions
    @OptionGroup var prompts: PromptOptions

    @Option(help: "Characters to generate per prompt (default: 1000).", transform: wholeNumber)
    var length = 1000

    @OptionGroup var sampling: SamplingOptions

    @Option(help: "Continuations per prompt (default: 1).", transform: sampleCount)
    var samples = 1

    @Option(
        help: .init(
            "End a continuation before this text; repeatable.", valueName: "text"))
    var stop: [String] = []

    @Option(
        help: .init(
            "Text between results, with \\n, \\t or \\\\ (default: \\n, or a numbered line on a terminal).",
            valueName: "text"),
        transform: unescaped)
    var separator: String?

    @Flag(help: "Print one JSON object per text, with each character's log-probability.")
    var json = false

    @Option(help: "Operands of the large matrix products; bf16 may change the text.")
    var precision = Setting.precision.defaultValue

    func validate() throws {
        guard !stop.contains("") else {
            throw ValidationError("--stop is empty: give at least one character")
        }
        if sampling.greedy, samples > 1 {
            throw ValidationError(
                "--greedy always takes the likeliest character, so all \(samples) samples would be the same: use --greedy "
                    + "or --samples")
        }
        if json, separator != nil {
            throw ValidationError(
                "--separator has no effect with --json, which prints one object per line: use one of them")
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
