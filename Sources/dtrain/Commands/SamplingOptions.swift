import ArgumentParser
import DTrainCore

/// The sampling flags of `generate`.
struct SamplingOptions: ParsableArguments {
    @Option(
        help: "Divisor of the logits: lower is more predictable, higher more varied (default: 1).",
        transform: temperatureNumber)
    private var temperature: Double?

    @Option(
        help: .init("Draw from the N likeliest characters only (default: all).", valueName: "n"), transform: topKNumber)
    private var topK: Int?

    @Option(
        help: .init(
            "Then draw from the likeliest that sum to probability X (default: 1).", valueName: "x"),
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
                "\(other.name) \(value) has no effect with --greedy, which always takes the likeliest character: use one of them"
            )
        }
    }

    var method: SamplingMethod {
        greedy ? .greedy : .temperature(Float(temperature ?? 1), SamplingFilter(topK: topK, topP: topP))
    }
}
