import DTrainCore
import FoundationEssentials

/// Reads the metrics file of `dtrain train --profile --metrics FILE`.
public struct MetricsReader {
    private struct Line: Decodable {
        let step: Int?
        let seconds: Double
        let gradientBytes: Int?
        let profile: Profile?
        let hiddenExchange: Double?

        enum CodingKeys: String, CodingKey {
            case step, seconds, profile
            case gradientBytes = "gradient_bytes"
            case hiddenExchange = "hidden_exchange"
        }

        /// The line's step; nil where it isn't a profiled one.
        ///
        /// Every field is required: otherwise a metrics file of another format would read as zeros.
        var sample: (step: StepSample, gradientBytes: Int)? {
            guard let step, let gradientBytes, let profile, let hiddenExchange else { return nil }
            var parts = profile.parts
            parts.hiddenExchange = hiddenExchange
            return (StepSample(step: step, seconds: seconds, parts: parts), gradientBytes)
        }
    }

    private struct Profile: Decodable {
        let pack, forward, head, backward, weightGradient, exchange, wait, adam, other: Double

        enum CodingKeys: String, CodingKey {
            case pack, forward, head, backward, exchange, wait, adam, other
            case weightGradient = "weight_gradient"
        }

        var parts: StepParts {
            var parts = StepParts()
            (parts.pack, parts.forward, parts.head, parts.backward) = (pack, forward, head, backward)
            (parts.weightGradient, parts.exchange, parts.wait) = (weightGradient, exchange, wait)
            (parts.adam, parts.other) = (adam, other)
            return parts
        }
    }

    /// The steps in order.
    public let steps: [StepSample]
    /// Bytes of the gradient that the ranks reduce.
    public let gradientBytes: Int

    /// Decodes JSON lines.
    ///
    /// - Parameters:
    ///   - text: the file's content.
    ///   - path: the file, for messages.
    /// - Throws: `DTrainError` with `badData` for a line that isn't a metrics line, or when there
    ///   is no profiled step.
    public init(_ text: String, path: String) throws {
        var steps: [StepSample] = []
        var bytes: Int?
        for (index, text) in text.split(separator: "\n").enumerated() {
            guard let line = try? JSONDecoder().decode(Line.self, from: Data(text.utf8)) else {
                throw DTrainError(
                    .badData, "line \(index + 1) of '\(path)' is not a metrics line; run the training again")
            }
            guard let sample = line.sample else { continue }
            steps.append(sample.step)
            bytes = bytes ?? sample.gradientBytes
        }
        guard !steps.isEmpty, let bytes else {
            throw DTrainError(.badData, "'\(path)' has no step with a profile; train with --profile")
        }
        self.steps = steps
        gradientBytes = bytes
    }
}
