import DTrainCore
import FoundationEssentials
import Glibc

/// A regular metrics file that exists before the training starts.
///
/// Its content is untrusted. It is read line by line from a memory-mapped file.
package struct EarlierMetrics {
    /// The relation of a training to the lines that exist already.
    package enum Predecessor: Hashable, Sendable {
        /// A new training, which allows no earlier lines.
        case none
        /// A new training that may discard earlier lines.
        case discarded
        /// A resumed training without a checkpoint: the lines are from its first steps, which it
        /// repeats.
        case unsaved
        /// A training resumed at this point: lines up to here are its own.
        case saved(TrainingProgress)
    }

    /// The result of reading the file.
    struct Contents: Hashable {
        /// The number of complete lines.
        var lines = 0
        /// The last step to keep; 0 for none.
        var last = 0
        /// Whether all lines are kept and the last one is complete.
        var isIntact = true
        /// The number of finished epochs.
        fileprivate var epochs = 0
        /// The number of steps in the resumed epoch, and the sum of their losses.
        fileprivate var (steps, lossSum) = (0, 0.0)
        /// Evidence that the lines belong to another training, for the message.
        fileprivate var contradiction: String?
    }

    /// The fields of a line that place it in a training.
    private struct Line: Decodable {
        let step: Int?
        let epoch: Int
        let loss: Double?
        let epochLoss: Double?

        enum CodingKeys: String, CodingKey {
            case step, epoch, loss
            case epochLoss = "epoch_loss"
        }
    }

    /// The maximum length of a line in bytes; longer lines are refused, because the JSON decoder
    /// uses many times the memory of its text.
    private static let maximumLine = 1 << 16

    private let path: String
    private let file: MappedFile

    /// Opens the file; nil if it doesn't exist or isn't a regular file.
    ///
    /// - Throws: `DTrainError` with `usage` if the file is one of the text files `data`.
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
    }

    /// Checks that the file holds metrics, and none of another training; reads only.
    ///
    /// - Throws: `DTrainError` with `usage` if it holds other content, or another training's
    ///   metrics.
    @discardableResult
    func check(_ predecessor: Predecessor) throws -> Contents {
        guard let found = read(predecessor) else {
            throw DTrainError(
                .usage,
                "`metrics` file '\(path)' holds something other than metrics; name another file, or delete this one")
        }
        switch predecessor {
        case .none where found.lines > 0:
            throw DTrainError(
                .usage, "metrics file '\(path)' already holds \(found.lines) lines of a training",
                hint: "replace them with `overwrite`, or name another file with `metrics`")
        case .unsaved where found.epochs > 1:
            throw DTrainError(
                .usage,
                "metrics file '\(path)' holds \(found.epochs) epochs of a training without a checkpoint",
                hint: "delete the file if it isn't needed, or name another one with `metrics`")
        case .saved(let progress):
            var contradiction = found.contradiction
            if contradiction == nil, found.steps > 0, found.steps == progress.stepInEpoch,
                found.lossSum != progress.lossSum
            {
                contradiction = "the losses of epoch \(progress.epoch + 1)"
            }
            guard let contradiction else { break }
            throw DTrainError(
                .usage,
                "metrics file '\(path)' holds another training's lines: \(contradiction) differ from the checkpoint's",
                hint: "name another file with `metrics`")
        default: break
        }
        return found
    }

    /// Reads all lines; nil if one of them isn't a line of metrics.
    private func read(_ predecessor: Predecessor) -> Contents? {
        let start = Array("{\"epoch\":".utf8)
        var found = Contents()
        let isMetrics = forEachLine { text, isWhole in
            guard isWhole else {
                if !text.isEmpty { found.isIntact = false }
                return text.starts(with: start) || start.starts(with: text)
                    || found.lines > 0 && text.first == UInt8(ascii: "{")
            }
            guard let line = Self.decode(text) else { return false }
            found.lines += 1
            if line.epochLoss != nil { found.epochs += 1 }
            if case .saved(let progress) = predecessor {
                Self.compare(line, progress, &found)
            } else {
                found.isIntact = false
            }
            return true
        }
        return isMetrics ? found : nil
    }

    /// Compares a line with the checkpoint's progress; losses are written to the last bit and must
    /// be equal.
    private static func compare(_ line: Line, _ progress: TrainingProgress, _ found: inout Contents) {
        guard isKept(line, progress) else {
            found.isIntact = false
            return
        }
        if let step = line.step {
            found.last = step
            guard line.epoch == progress.epoch + 1, let loss = line.loss else { return }
            found.steps += 1
            found.lossSum += loss
        } else if progress.epochLosses.indices.contains(line.epoch - 1), found.contradiction == nil,
            progress.epochLosses[line.epoch - 1] != line.epochLoss
        {
            found.contradiction = "the losses of epoch \(line.epoch)"
        }
    }

    private static func isKept(_ line: Line, _ progress: TrainingProgress) -> Bool {
        guard let step = line.step else { return line.epoch <= progress.epoch }
        // A line without a loss has a held-out loss.
        let isRepeated = line.loss == nil && step == progress.validation?.pendingStep
        return step <= progress.step && !isRepeated
    }

    /// Drops the lines of steps that a resumed training repeats, and an incomplete last line.
    ///
    /// If anything is dropped, a new file replaces the old one.
    ///
    /// - Returns: the last step that is kept; 0 for none.
    @discardableResult
    package func truncate(to progress: TrainingProgress) throws -> Int {
        let found = try check(.saved(progress))
        guard !found.isIntact else { return found.last }
        guard let target = realpath(path, nil) else {
            throw DTrainError(
                .inputOutput, "cannot resolve metrics file '\(path)': \(String(cString: strerror(errno)))",
                hint: "name another with `metrics`")
        }
        defer { free(target) }
        AtomicFile.removeStaleTemporaries(of: String(cString: target))
        // A symbolic link stays; its target is replaced.
        try AtomicFile.write(to: String(cString: target)) { writer in
            try forEachLine { line, isWhole in
                if isWhole, Self.decode(line).map({ Self.isKept($0, progress) }) ?? false {
                    try writer.write(line)
                    try withUnsafeBytes(of: UInt8(ascii: "\n")) { try writer.write($0) }
                }
                return true
            }
        }
        return found.last
    }

    /// Calls `body` with each complete line and then with the rest of the file, until it returns
    /// false.
    ///
    /// - Returns: whether `body` returned true each time.
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

    /// Returns whether a line's JSON nests at most 8 levels; the decoder uses kilobytes for each
    /// level.
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
