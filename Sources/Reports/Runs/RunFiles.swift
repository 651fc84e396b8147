import DTrainCore
import Glibc

/// The paths of a run's metrics and checkpoints.
struct RunFiles: Hashable {
    /// The run's name in the report.
    let name: String
    /// The path given on the command line.
    let path: String
    /// The metrics file; nil if there is none.
    var metrics: String?
    /// The folder of checkpoints; nil if there is none.
    var folder: String?

    private static let ending = ".jsonl"

    /// Finds both from a word of the command line: `PATH` or `NAME=PATH`.
    ///
    /// The checkpoints of `NAME.jsonl` are in folder `NAME`, or beside the file if it is
    /// `metrics.jsonl` or the only `.jsonl` there. The metrics of a folder are found the same way.
    ///
    /// - Throws: `DTrainError` with `noInput` if there is nothing, `inputOutput` for a folder that
    ///   can't be read.
    init(_ word: String) throws {
        (name, path) = Self.split(word)
        guard let kind = Self.kind(path) else {
            throw DTrainError(
                .noInput, "'\(path)' doesn't exist; name a metrics file or a folder of checkpoints")
        }
        if kind == S_IFDIR {
            folder = try Self.holdsCheckpoints(path) ? path : nil
            metrics = try Self.metrics(of: path)
            guard folder != nil || metrics != nil else {
                throw DTrainError(
                    .noInput,
                    "folder '\(path)' holds no checkpoint and no metrics; name a metrics file, or the folder of `checkpoint-dir`"
                )
            }
        } else {
            metrics = path
            folder = try Self.folder(of: path)
        }
    }

    private static func split(_ word: String) -> (name: String, path: String) {
        if kind(word) == nil, let sign = word.firstIndex(of: "="), sign > word.startIndex {
            return (String(word[..<sign]), String(word[word.index(after: sign)...]))
        }
        let path = bare(word)
        let last = path.split(separator: "/").last.map(String.init) ?? path
        return (last.hasSuffix(ending) ? String(last.dropLast(ending.count)) : last, word)
    }

    /// The path without trailing slashes.
    private static func bare(_ path: String) -> String {
        var path = path
        while path.count > 1, path.hasSuffix("/") { path.removeLast() }
        return path
    }

    private static func kind(_ path: String) -> mode_t? {
        var status = stat()
        return stat(path, &status) == 0 ? status.st_mode & S_IFMT : nil
    }

    private static func holdsCheckpoints(_ path: String) throws -> Bool {
        guard kind(path) == S_IFDIR else { return false }
        let directory = CheckpointDirectory(path: path)
        return try !directory.list().isEmpty || kind(directory.best) == S_IFREG
    }

    private static func metrics(of folder: String) throws -> String? {
        let beside = bare(folder) + ending
        if kind(beside) == S_IFREG { return beside }
        return try onlyMetrics(in: folder).map { "\(bare(folder))/\($0)" }
    }

    private static func onlyMetrics(in folder: String) throws -> String? {
        let names = try Folder.names(in: folder).filter { $0.hasSuffix(ending) }
        return names.contains("metrics\(ending)") ? "metrics\(ending)" : names.count == 1 ? names.first : nil
    }

    private static func folder(of metrics: String) throws -> String? {
        if metrics.hasSuffix(ending) {
            let named = String(metrics.dropLast(ending.count))
            if try holdsCheckpoints(named) { return named }
        }
        let parent = Folder.parent(of: metrics)
        guard try holdsCheckpoints(parent), let only = try onlyMetrics(in: parent) else { return nil }
        return metrics.split(separator: "/").last.map(String.init) == only ? parent : nil
    }
}
