import DTrainCore
import FoundationEssentials
import Glibc

/// A regular metrics file that is there already.
///
/// It may be anything: its lines are looked at one after the other, where they lie in the mapped file.
package struct EarlierMetrics {
    /// What a training has to do with the lines that are there.
    package enum Predecessor: Hashable, Sendable {
        /// It is a new one: there must be none.
        case none
        /// It is a new one, and what is there may go.
        case discarded
        /// It was to resume, but nothing was saved yet: the lines are those of the first steps.
        case unsaved
        /// It resumes from here: lines up to this point are its own.
        case saved(TrainingProgress)
    }

    /// What was found.
    struct Found: Hashable {
        /// Whole lines.
        var lines = 0
        /// The last step that stays; 0 for none.
        var last = 0
        /// Whether every line stays and the last one is whole.
        var isIntact = true
        /// Finished epochs.
        fileprivate var epochs = 0
        /// The steps of the resumed epoch, and the sum of their losses.
        fileprivate var (steps, lossSum) = (0, 0.0)
        /// What shows that the lines are another training's.
        fileprivate var contradiction: String?
    }

    /// What tells how far a line belongs.
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
    }

    /// Checks that the file holds metrics, and none that another training would lose; reads only.
    ///
    /// - Throws: `DTrainError` with `usage` when it holds something else, or another training's metrics.
    @discardableResult
    func check(_ predecessor: Predecessor) throws -> Found {
        guard let found = read(predecessor) else {
            throw DTrainError(
                .usage,
                "`metrics` '\(path)' is a file that holds something else than metrics; name another, or delete it")
        }
        switch predecessor {
        case .none where found.lines > 0:
            throw DTrainError(
                .usage, "metrics file '\(path)' already holds \(found.lines) lines of a training",
                hint: "replace them with `overwrite`, or name another file with `metrics`")
        case .unsaved where found.epochs > 1:
            throw DTrainError(
                .usage,
                "metrics file '\(path)' holds \(found.epochs) epochs of a training of which there is no checkpoint; delete it if "
                    + "nobody needs it", hint: "or name another file with `metrics`")
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

    /// Reads all lines; nil when one isn't one of metrics.
    private func read(_ predecessor: Predecessor) -> Found? {
        let start = Array("{\"epoch\":".utf8)
        var found = Found()
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

    /// Compares a line with what a checkpoint knows of the training: a loss is told to the last bit.
    private static func compare(_ line: Line, _ progress: TrainingProgress, _ found: inout Found) {
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
        line.step.map { $0 <= progress.step } ?? (line.epoch <= progress.epoch)
    }

    /// Drops the lines of the steps that a resumed training does again, and a last line that a crash has cut off.
    ///
    /// The file is replaced by another, if anything is dropped.
    ///
    /// - Returns: the last step that is left; 0 for none.
    @discardableResult
    package func cutBack(to progress: TrainingProgress) throws -> Int {
        let found = try check(.saved(progress))
        guard !found.isIntact else { return found.last }
        guard let target = realpath(path, nil) else {
            throw DTrainError(
                .inputOutput, "cannot follow '\(path)': \(String(cString: strerror(errno)))",
                hint: "name another with `metrics`")
        }
        defer { free(target) }
        AtomicFile.removeStaleTemporaries(of: String(cString: target))
        // A link stays one: what it leads to is replaced.
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
