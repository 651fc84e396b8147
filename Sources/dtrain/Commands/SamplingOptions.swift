import ArgumentParser
import DTrainCore

/// How `generate` chooses characters.
struct SamplingOptions: ParsableArguments {
    @Option(
        help: "Divides the logits: below 1 for safer text, above 1 for wilder (default: 1).",
        transform: temperatureNumber)
    private var temperature: Double?

    @Option(
        help: .init("Draw from the N likeliest characters only (default: all).", valueName: "n"), transform: topKNumber)
    private var topK: Int?

    @Option(
        help: .init(
            "Then draw from the fewest whose probabilities sum to X, likeliest first (default: 1).", valueName: "x"),
        transform: topPNumber)
    private var topP: Double?

    @Option(help: .setting(.seed), transform: seedNumber)
    private(set) var seed = Setting.seed.defaultValue

    @Flag(help: "Always take the likeliest character.")
    private(set) var greedy = false

    func validate() throws {
        guard greedy else { return }
        let others: [(name: String, value: String?)] = [
            ("--temperature", temperature.map { "\($0)" }), ("--top-k", topK.map { "\($0)" }),
            ("--top-p", topP.map { "\($0)" }),
        ]
        for other in others {
            guard let value = other.value else { continue }
            throw ValidationError(
                "--greedy takes the likeliest character, whatever \(other.name) \(value) says: use one of them")
        }
    }

    var method: SamplingMethod {
        greedy ? .greedy : .temperature(Float(temperature ?? 1), SamplingFilter(topK: topK, topP: topP))
    }
}
