import ArgumentParser
import Core

/// `dtrain generate`: text from a trained model.
struct Generate: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Continue prompts with a trained model.",
        discussion: "Prints each prompt with its continuation; everything else goes to standard error.")

    @OptionGroup var model: ModelUseOptions

    @Option(help: .init("Text to continue; give it again for more, they are generated together.", valueName: "text"))
    var prompt: [String] = []

    @Option(help: "Characters to generate for each prompt.")
    var length = 1000

    @Option(help: "Divides the logits: below 1 for safer text, above 1 for wilder.")
    var temperature = 1.0

    @Option(help: "What the choice of characters derives from.")
    var seed: UInt64 = 42

    @Flag(help: "Always take the likeliest character.")
    var greedy = false

    func validate() throws {
        guard !prompt.isEmpty, !prompt.contains("") else {
            throw ValidationError("a prompt is missing or empty: give --prompt with at least one character")
        }
        guard length >= 0, length <= Int(Int32.max) else {
            throw ValidationError("--length \(length) is impossible: give 0 or more characters")
        }
        guard temperature.isFinite, Float(temperature).isNormal, temperature > 0 else {
            throw ValidationError(
                "--temperature \(temperature) is impossible: give a number above 0, or --greedy for the likeliest text")
        }
    }

    func run() throws {
        let loaded = try LoadedModel(model.checkpoint)
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
            layout: loaded.checkpoint.layout, parameters: loaded.parameters, threads: min(model.threads, prompt.count))
        let generated = try generator.generate(
            prompts: prompt.map(loaded.vocabulary.encode), length: length,
            method: greedy ? .greedy : .temperature(Float(temperature)), seed: seed)
        for (text, ids) in zip(prompt, generated) { try Console.output(text + loaded.vocabulary.decode(ids) + "\n") }
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
