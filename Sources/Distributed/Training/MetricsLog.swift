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
        let profile: StepProfile?
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

    /// What tells how far a line belongs.
    private struct Line: Decodable {
        let step: Int?
        let epoch: Int?
    }

    private let path: String
    private let file: UnsafeMutablePointer<FILE>
    private let encoder = JSONEncoder()

    /// Opens the file: empty for a new training, cut back to the resumed step otherwise.
    init(path: String, resumedAt progress: TrainingProgress?) throws {
        self.path = path
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        let kept = try progress.map { try Self.lines(of: path, upTo: $0) } ?? []
        try AtomicFile.write(to: path) { writer in
            for line in kept { try (line + "\n").utf8.withContiguousBytes { try writer.write($0) } }
        }
        guard let file = fopen(path, "ae") else {
            throw DTrainError(.inputOutput, "cannot open metrics file '\(path)': \(String(cString: strerror(errno)))")
        }
        self.file = file
    }

    deinit { fclose(file) }

    func write(_ report: StepReport) throws {
        try write(
            Step(
                step: report.step, epoch: report.epoch, loss: Double(report.loss), seconds: report.seconds,
                tokens: report.tokens, profile: report.profile))
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

    /// The lines of the steps that a resumed training doesn't do again.
    private static func lines(of path: String, upTo progress: TrainingProgress) throws -> [Substring] {
        guard access(path, F_OK) == 0 else { return [] }
        let file = try MappedFile(path: path, kind: "metrics file")
        return String(decoding: file.bytes, as: UTF8.self).split(separator: "\n").filter { text in
            guard let line = try? JSONDecoder().decode(Line.self, from: Data(text.utf8)) else { return false }
            if let step = line.step { return step <= progress.step }
            return (line.epoch ?? .max) <= progress.epoch
        }
    }
}

extension String.UTF8View {
    /// Calls `body` with the bytes in one piece.
    fileprivate func withContiguousBytes(_ body: (UnsafeRawBufferPointer) throws -> Void) throws {
        try Array(self).withUnsafeBytes(body)
    }
}
