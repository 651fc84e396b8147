import ArgumentParser
import DTrainCore

/// `dtrain generate`: text from a trained model.
struct Generate: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Continue prompts with a trained model.",
        discussion: """
            Prints each prompt with its continuation; everything else goes to standard error. A model of bytes gets the \
            prompt's UTF-8, and what it generates is written as it is.
            """)

    @Option(help: .usedCheckpoint)
    var checkpoint: String

    @OptionGroup var model: ModelUseOptions

    @Option(help: .init("Text to continue; give it again for more, they are generated together.", valueName: "text"))
    var prompt: [String] = []

    @Option(help: "Characters to generate for each prompt (default: 1000).", transform: wholeNumber)
    var length = 1000

    @Option(
        help: "Divides the logits: below 1 for safer text, above 1 for wilder (default: 1).",
        transform: temperatureNumber)
    var temperature: Double?

    @Option(help: .setting(.seed), transform: seedNumber)
    var seed = Setting.seed.defaultValue

    @Option(help: "Operands of the big products: bf16 may be faster, and other characters may follow.")
    var precision = Setting.precision.defaultValue

    @Flag(help: "Always take the likeliest character.")
    var greedy = false

    func validate() throws {
        guard !prompt.isEmpty, !prompt.contains("") else {
            throw ValidationError("a prompt is missing or empty: give --prompt with at least one character")
        }
        if greedy, let temperature {
            throw ValidationError(
                "--greedy takes the likeliest character, whatever --temperature \(temperature) says: use one of them")
        }
    }

    func run() throws {
        let loaded = try LoadedModel(checkpoint, options: model.file)
        for text in prompt {
            let missing = loaded.vocabulary.missing(in: text)
            guard missing.isEmpty else {
                throw DTrainError(
                    .usage,
                    "the vocabulary of '\(loaded.checkpoint.path)' lacks \(names(missing)) of the prompt; leave them out"
                )
            }
        }
        let generator = try Generator(
            checkpoint: loaded.checkpoint, precision: precision, threads: model.threads)
        let generated = try generator.generate(
            prompts: prompt.map(loaded.vocabulary.encode), length: length,
            method: greedy ? .greedy : .temperature(Float(temperature ?? 1)), seed: seed)
        for (text, ids) in zip(prompt, generated) {
            try Console.output(Array(text.utf8) + loaded.vocabulary.bytes(of: ids) + [UInt8(ascii: "\n")])
        }
    }

    /// `"ø" (U+00F8), "\n" (U+000A)`.
    private func names(_ scalars: [Unicode.Scalar]) -> String {
        scalars.map { scalar in
            let code = String(scalar.value, radix: 16, uppercase: true)
            let padded = String(repeating: "0", count: max(0, 4 - code.count)) + code
            return "\"\(scalar.escaped(asASCII: false))\" (U+\(padded))"
        }.joined(separator: ", ")
    }
}
