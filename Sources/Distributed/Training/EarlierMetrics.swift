import Core
import FoundationEssentials
import Glibc

/// A regular metrics file that is there already.
struct EarlierMetrics {
    /// What tells how far a line belongs.
    private struct Line: Decodable {
        let step: Int?
        let epoch: Int
        let epochLoss: Double?

        enum CodingKeys: String, CodingKey {
            case step, epoch
            case epochLoss = "epoch_loss"
        }
    }

    private let path: String
    private let lines: [Substring]

    /// Reads the file; nil when there is none, or a pipe or device in its place.
    ///
    /// - Throws: `DTrainError` with `usage` when the file is the text that is trained on, or holds something else than
    ///   metrics.
    init?(path: String, data: String) throws {
        var (own, text) = (stat(), stat())
        guard stat(path, &own) == 0, own.st_mode & S_IFMT == S_IFREG else { return nil }
        if stat(data, &text) == 0, own.st_dev == text.st_dev, own.st_ino == text.st_ino {
            throw DTrainError(.usage, "--metrics '\(path)' is the text of --data; name another file for the metrics")
        }
        self.path = path
        let file = try MappedFile(path: path, kind: "metrics file")
        lines = withExtendedLifetime(file) { String(decoding: file.bytes, as: UTF8.self) }
            .split(separator: "\n", omittingEmptySubsequences: false)
        guard isMetrics else {
            throw DTrainError(
                .usage,
                "--metrics '\(path)' is a file that holds something else than metrics; name another, or delete it")
        }
    }

    /// Drops the lines of the steps that a resumed training does again, and a last line that a crash has cut off.
    func cutBack(to progress: TrainingProgress) throws {
        let kept = lines.filter { line in
            guard let line = Self.decode(line) else { return false }
            return line.step.map { $0 <= progress.step } ?? (line.epoch <= progress.epoch)
        }
        // All of them, and the end of the last.
        guard !kept.elementsEqual(lines.dropLast()) || lines.last != "" else { return }
        guard let target = realpath(path, nil) else {
            throw DTrainError(
                .inputOutput,
                "cannot follow '\(path)': \(String(cString: strerror(errno))); name another with --metrics")
        }
        defer { free(target) }
        // A link stays one: what it leads to is replaced.
        try AtomicFile.write(to: String(cString: target)) { writer in
            for line in kept { try Array("\(line)\n".utf8).withUnsafeBytes { try writer.write($0) } }
        }
    }

    /// Whether every whole line is one of metrics, and the rest is the beginning of one.
    private var isMetrics: Bool {
        guard let rest = lines.last else { return true }
        let start = "{\"epoch\":"
        return (rest.hasPrefix(start) || start.hasPrefix(rest) || lines.count > 1 && rest.hasPrefix("{"))
            && lines.dropLast().allSatisfy { Self.decode($0) != nil }
    }

    private static func decode(_ text: Substring) -> Line? {
        guard let line = try? JSONDecoder().decode(Line.self, from: Data(text.utf8)),
            line.step != nil || line.epochLoss != nil
        else { return nil }
        return line
    }
}
