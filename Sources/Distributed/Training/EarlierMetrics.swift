import DTrainCore
import FoundationEssentials
import Glibc

/// A regular metrics file that is there already.
///
/// It may be anything: its lines are looked at one after the other, where they lie in the mapped file.
package struct EarlierMetrics {
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

    /// No line of metrics is longer: a general decoder takes many times the memory of its text.
    private static let maximumLine = 1 << 16

    private let path: String
    private let file: MappedFile

    /// Opens the file; nil when there is none, or a pipe or device in its place.
    ///
    /// - Throws: `DTrainError` with `usage` when the file is the text that is trained on, or holds something else than
    ///   metrics.
    package init?(path: String, data: [String]) throws {
        var own = stat()
        guard stat(path, &own) == 0, own.st_mode & S_IFMT == S_IFREG else { return nil }
        let isText = data.contains { file in
            var text = stat()
            return stat(file, &text) == 0 && own.st_dev == text.st_dev && own.st_ino == text.st_ino
        }
        if isText {
            throw DTrainError(.usage, "`metrics` '\(path)' is the text of `data`; name another file for the metrics")
        }
        self.path = path
        file = try MappedFile(path: path, kind: "metrics file")
        guard isMetrics else {
            throw DTrainError(
                .usage,
                "`metrics` '\(path)' is a file that holds something else than metrics; name another, or delete it")
        }
    }

    /// Drops the lines of the steps that a resumed training does again, and a last line that a crash has cut off.
    ///
    /// - Returns: the last step that is left; 0 for none.
    @discardableResult
    package func cutBack(to progress: TrainingProgress) throws -> Int {
        var last = 0
        func isKept(_ line: UnsafeRawBufferPointer) -> Bool {
            guard let line = Self.decode(line) else { return false }
            if let step = line.step, step <= progress.step { last = step }
            return line.step.map { $0 <= progress.step } ?? (line.epoch <= progress.epoch)
        }
        // All lines, and the end of the last.
        guard !forEachLine({ $1 ? isKept($0) : $0.isEmpty }) else { return last }
        guard let target = realpath(path, nil) else {
            throw DTrainError(
                .inputOutput, "cannot follow '\(path)': \(String(cString: strerror(errno)))",
                hint: "name another with `metrics`")
        }
        defer { free(target) }
        AtomicFile.removeStaleTemporaries(of: String(cString: target))
        // A link stays one: what it leads to is replaced.
        try AtomicFile.write(to: String(cString: target)) { writer in
            try forEachLine { line, _ in
                if isKept(line) {
                    try writer.write(line)
                    try withUnsafeBytes(of: UInt8(ascii: "\n")) { try writer.write($0) }
                }
                return true
            }
        }
        return last
    }

    /// Whether every whole line is one of metrics, and the rest is the beginning of one.
    private var isMetrics: Bool {
        let start = Array("{\"epoch\":".utf8)
        var isFirst = true
        return forEachLine { line, isWhole in
            defer { isFirst = false }
            if isWhole { return Self.decode(line) != nil }
            return line.starts(with: start) || start.starts(with: line)
                || !isFirst && line.first == UInt8(ascii: "{")
        }
    }

    /// Calls `body` with each line that ends, and with what comes after the last of them, until it returns false; whether
    /// it never did.
    @discardableResult
    private func forEachLine(_ body: (UnsafeRawBufferPointer, _ isWhole: Bool) throws -> Bool) rethrows -> Bool {
        try withExtendedLifetime(file) {
            var rest = file.bytes
            while let address = rest.baseAddress, let end = memchr(address, 0x0A, rest.count) {
                let length = UnsafeRawPointer(end) - address
                guard try body(UnsafeRawBufferPointer(rebasing: rest[..<length]), true) else { return false }
                rest = UnsafeRawBufferPointer(rebasing: rest[(length + 1)...])
            }
            return try body(rest, false)
        }
    }

    /// Whether nothing is nested deeper than metrics are: a general decoder takes kilobytes for each level.
    private static func isShallow(_ text: UnsafeRawBufferPointer) -> Bool {
        var depth = 0
        for byte in text {
            switch byte {
            case UInt8(ascii: "["), UInt8(ascii: "{"): depth += 1
            case UInt8(ascii: "]"), UInt8(ascii: "}"): depth -= 1
            default: break
            }
            if depth > 8 { return false }
        }
        return true
    }

    private static func decode(_ text: UnsafeRawBufferPointer) -> Line? {
        guard text.count <= maximumLine, isShallow(text),
            let line = try? JSONDecoder().decode(Line.self, from: Data(text)),
            line.step != nil || line.epochLoss != nil
        else { return nil }
        return line
    }
}
