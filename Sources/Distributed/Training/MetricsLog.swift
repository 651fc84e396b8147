import DTrainCore
import FoundationEssentials
import Glibc

/// The metrics file: one JSON object a line, for each step and each epoch.
///
/// No training is lost for its metrics: lines that a full disk doesn't take are kept and tried again with the next one.
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

    /// What a resumed training finds missing in the file, if anything.
    let gap: String?
    private let path: String
    private let file: OpenFile
    private let calls: FileCalls
    private let encoder = JSONEncoder()
    /// What is still to be written: whole lines, the first of which may be in the file in part.
    private var pending: [UInt8] = []
    private var hasWarned = false

    /// Opens the file: empty for a new training, cut back to the resumed step otherwise.
    ///
    /// A pipe or a device is written to as it is.
    ///
    /// - Parameters:
    ///   - path: the file.
    ///   - data: the files of the text that is trained on.
    ///   - progress: where a resumed training goes on.
    ///   - calls: what writes.
    /// - Throws: `DTrainError` with `usage` when the file is the text or holds something else than metrics,
    ///   `inputOutput` when it can't be opened.
    init(
        path: String, data: [String], resumedAt progress: TrainingProgress?, calls: FileCalls = .system
    ) throws {
        (self.path, self.calls) = (path, calls)
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        let earlier = try EarlierMetrics(path: path, data: data)
        let last = try progress.flatMap { try earlier?.cutBack(to: $0) }
        gap = progress.flatMap { progress in
            guard let last, last != progress.step else { return nil }
            return "metrics file '\(path)' ends at step \(last), but the training goes on after step \(progress.step): "
                + "the steps between are missing in it"
        }
        let truncation = earlier != nil && progress == nil ? O_TRUNC : 0
        let descriptor = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | truncation, 0o666)
        guard descriptor >= 0 else {
            throw DTrainError(
                .inputOutput, "cannot open metrics file '\(path)': \(String(cString: strerror(errno)))",
                hint: "name another with `metrics`")
        }
        file = OpenFile(descriptor: descriptor)
    }

    func write(_ report: StepReport, _ tell: (TrainingEvent) -> Void) throws {
        try write(
            Step(
                step: report.step, epoch: report.epoch, loss: Double(report.loss), seconds: report.seconds,
                tokens: report.tokens, gradientNorm: report.gradientNorm, profile: report.profile,
                gradientBytes: report.gradientBytes, hiddenExchange: report.profile?.hiddenExchange), tell)
    }

    func write(_ report: EpochReport, _ tell: (TrainingEvent) -> Void) throws {
        try write(
            Epoch(
                epoch: report.epoch, epochLoss: report.loss, seconds: report.seconds,
                tokensPerSecond: report.tokensPerSecond), tell)
    }

    private func write(_ line: some Encodable, _ tell: (TrainingEvent) -> Void) throws {
        pending.append(contentsOf: try encoder.encode(line))
        pending.append(UInt8(ascii: "\n"))
        guard let code = writePending(), !hasWarned else { return }
        hasWarned = true
        tell(
            .warning(
                "cannot write metrics to '\(path)': \(systemMessage(code)); the training goes on and tries again after "
                    + "each step: make room"))
    }

    /// Writes what can be written.
    ///
    /// - Returns: why there is a rest; nil when there is none.
    private func writePending() -> Int32? {
        while !pending.isEmpty {
            let written = pending.withUnsafeBytes { calls.write(file.descriptor, $0) }
            if written > 0 {
                pending.removeFirst(written)
            } else if written == 0 || errno != EINTR {
                return written == 0 ? EIO : errno
            }
        }
        return nil
    }

    /// Brings what is written to the disk, from any thread: a checkpoint mustn't be ahead of its metrics.
    var flush: @Sendable () -> Void {
        // A failure is that of the metrics alone, and shows at the end; a pipe can't be flushed.
        { [file] in _ = fdatasync(file.descriptor) }
    }

    /// The end of the training.
    ///
    /// - Throws: `DTrainError` with `inputOutput` when lines are missing in the file.
    func finish() throws {
        var code = writePending()
        if code == nil, fdatasync(file.descriptor) != 0, errno != EINVAL, errno != EROFS { code = errno }
        guard let code else { return }
        let lines = pending.count { $0 == UInt8(ascii: "\n") }
        throw DTrainError(
            .inputOutput,
            "cannot write metrics to '\(path)': \(systemMessage(code)); its last \(lines) lines are missing, the "
                + "training itself is saved: make room",
            hint: "go on from an earlier checkpoint with `resume` if you need them")
    }

    /// A file that stays open as long as anybody uses it.
    private final class OpenFile: Sendable {
        let descriptor: Int32
        init(descriptor: Int32) { self.descriptor = descriptor }
        deinit { close(descriptor) }
    }
}
