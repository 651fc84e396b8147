import Core
import FoundationEssentials
import Glibc

/// The metrics file: one JSON object a line, for each step and each epoch.
final class MetricsLog {
    private struct Step: Encodable {
        let step: Int
        let epoch: Int
        let loss: Double
        let seconds: Double
        let tokens: Int
        let gradientNorm: Double
        let profile: StepProfile?
        let gradientBytes: Int?
        let hiddenExchange: Double?

        enum CodingKeys: String, CodingKey {
            case step, epoch, loss, seconds, tokens, profile
            case gradientNorm = "gradient_norm"
            case gradientBytes = "gradient_bytes"
            case hiddenExchange = "hidden_exchange"
        }
    }

    private struct Epoch: Encodable {
        let epoch: Int
        let epochLoss: Double
        let seconds: Double
        let tokensPerSecond: Double

        enum CodingKeys: String, CodingKey {
            case epoch, seconds
            case epochLoss = "epoch_loss"
            case tokensPerSecond = "tokens_per_second"
        }
    }

    private let path: String
    private let file: UnsafeMutablePointer<FILE>
    private let encoder = JSONEncoder()

    /// Opens the file: empty for a new training, cut back to the resumed step otherwise.
    ///
    /// A pipe or a device is written to as it is.
    ///
    /// - Parameters:
    ///   - path: the file.
    ///   - data: the text that is trained on.
    ///   - progress: where a resumed training goes on.
    /// - Throws: `DTrainError` with `usage` when the file is the text or holds something else than metrics,
    ///   `inputOutput` when it can't be opened.
    init(path: String, data: String, resumedAt progress: TrainingProgress?) throws {
        self.path = path
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        let earlier = try EarlierMetrics(path: path, data: data)
        if let progress { try earlier?.cutBack(to: progress) }
        let truncation = earlier != nil && progress == nil ? O_TRUNC : 0
        let descriptor = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | truncation, 0o666)
        guard descriptor >= 0, let file = fdopen(descriptor, "a") else {
            throw DTrainError(
                .inputOutput,
                "cannot open metrics file '\(path)': \(String(cString: strerror(errno))); name another with --metrics")
        }
        self.file = file
    }

    deinit { fclose(file) }

    func write(_ report: StepReport) throws {
        try write(
            Step(
                step: report.step, epoch: report.epoch, loss: Double(report.loss), seconds: report.seconds,
                tokens: report.tokens, gradientNorm: report.gradientNorm, profile: report.profile,
                gradientBytes: report.gradientBytes, hiddenExchange: report.profile?.hiddenExchange))
    }

    func write(_ report: EpochReport) throws {
        try write(
            Epoch(
                epoch: report.epoch, epochLoss: report.loss, seconds: report.seconds,
                tokensPerSecond: report.tokensPerSecond))
    }

    private func write(_ line: some Encodable) throws {
        var data = try encoder.encode(line)
        data.append(UInt8(ascii: "\n"))
        let written = data.withUnsafeBytes { fwrite($0.baseAddress, 1, $0.count, file) }
        guard written == data.count, fflush(file) == 0 else {
            throw DTrainError(
                .inputOutput, "cannot write metrics to '\(path)': \(String(cString: strerror(errno))); check the disk")
        }
    }
}
