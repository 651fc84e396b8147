import DTrainCore
import FoundationEssentials
import Glibc

/// The metrics file: one JSON object per line, for each step and each epoch.
///
/// Lines that a full disk doesn't accept are kept and retried with the next one.
final class MetricsLog: TrainingLog {
    private struct Step: Encodable {
        let step: Int
        let epoch: Int
        let loss: Double
        let seconds: Double
        let tokens: Int
        let gradientNorm: Double
        let learningRate: Double
        let profile: StepProfile?
        let gradientBytes: Int?
        let hiddenExchange: Double?

        enum CodingKeys: String, CodingKey {
            case step, epoch, loss, seconds, tokens, profile
            case gradientNorm = "gradient_norm"
            case learningRate = "learning_rate"
            case gradientBytes = "gradient_bytes"
            case hiddenExchange = "hidden_exchange"
        }
    }

    private struct Epoch: Encodable {
        let epoch: Int
        let epochLoss: Double
        let seconds: Double
        let tokensPerSecond: Double
        let validationLoss: Double?
        let validationSeconds: Double?

        enum CodingKeys: String, CodingKey {
            case epoch, seconds
            case epochLoss = "epoch_loss"
            case validationLoss = "validation_loss"
            case validationSeconds = "validation_seconds"
            case tokensPerSecond = "tokens_per_second"
        }
    }

    private struct Validation: Encodable {
        let step: Int
        let epoch: Int
        let validationLoss: Double
        let seconds: Double

        enum CodingKeys: String, CodingKey {
            case step, epoch, seconds
            case validationLoss = "validation_loss"
        }
    }

    /// A warning about the lines found in the file; nil if there is none.
    let remark: String?
    private let path: String
    private let encoder = JSONEncoder()
    private var writer: RetryingWriter
    private var hasWarned = false

    /// Opens the file: empty for a new training, cut back to the resumed step otherwise.
    ///
    /// A regular file is locked against other trainings. A pipe or device is written to without a
    /// lock.
    ///
    /// - Parameters:
    ///   - path: the file.
    ///   - data: the files of the text that is trained on.
    ///   - predecessor: the relation of the training to lines that exist already.
    ///   - calls: the system calls that write.
    ///   - stopSignal: returns the stop signal received, 0 for none; it ends the wait for a pipe's
    ///     reader.
    /// - Throws: `DTrainError` with `usage` if the file is the text or holds anything but this
    ///   training's metrics; with `inputOutput` if it can't be opened; with `stopped` if a signal
    ///   comes before a pipe has a reader.
    init(
        path: String, data: [String], after predecessor: EarlierMetrics.Predecessor, calls: FileCalls = .system,
        stopSignal: () -> Int32 = { 0 }
    ) throws {
        self.path = path
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        if let special = try MetricsTarget.open(path, stopSignal: stopSignal) {
            (writer, remark) = (RetryingWriter(special, calls: calls), nil)
        } else {
            let found = try MetricsTarget.openFile(path, data: data, after: predecessor)
            (writer, remark) = (RetryingWriter(found.file, calls: calls), found.remark)
        }
    }

    func record(_ event: TrainingEvent, report notify: (TrainingEvent) -> Void) throws {
        switch event {
        case .step(let report): try write(report, notify)
        case .epochEnded(let report): try write(report, notify)
        case .validated(let report): try write(report, notify)
        default: break
        }
    }

    func write(_ report: StepReport, _ notify: (TrainingEvent) -> Void) throws {
        try write(
            Step(
                step: report.step, epoch: report.epoch, loss: Double(report.loss), seconds: report.seconds,
                tokens: report.tokens, gradientNorm: report.gradientNorm, learningRate: report.learningRate,
                profile: report.profile, gradientBytes: report.gradientBytes,
                hiddenExchange: report.profile?.hiddenExchange), notify)
    }

    func write(_ report: EpochReport, _ notify: (TrainingEvent) -> Void) throws {
        try write(
            Epoch(
                epoch: report.epoch, epochLoss: report.loss, seconds: report.seconds,
                tokensPerSecond: report.tokensPerSecond, validationLoss: report.validation?.loss,
                validationSeconds: report.validation?.seconds), notify)
    }

    func write(_ report: ValidationReport, _ notify: (TrainingEvent) -> Void) throws {
        try write(
            Validation(
                step: report.step, epoch: report.epoch, validationLoss: report.loss, seconds: report.seconds), notify)
    }

    private func write(_ line: some Encodable, _ notify: (TrainingEvent) -> Void) throws {
        guard let code = writer.append(try encoder.encode(line) + [UInt8(ascii: "\n")]), !hasWarned else { return }
        hasWarned = true
        notify(
            .warning(
                code == EAGAIN
                    ? "the reader of metrics '\(path)' is not keeping up; the training continues and retries after "
                        + "each step"
                    : "cannot write metrics to '\(path)': \(systemMessage(code)); the training continues and retries "
                        + "after each step: free some space"))
    }

    var flush: @Sendable () -> Void { writer.flush }

    func finish() throws {
        guard let code = writer.finish() else { return }
        let lines = writer.pending.count { $0 == UInt8(ascii: "\n") }
        throw DTrainError(
            .inputOutput,
            "cannot write metrics to '\(path)': \(systemMessage(code)); "
                + (lines > 0 ? "its last \(lines) lines are missing" : "its last lines may be missing")
                + ", the training itself is saved: free some space",
            hint: "resume from an earlier checkpoint with `resume-from` and `overwrite` if you need them")
    }
}
