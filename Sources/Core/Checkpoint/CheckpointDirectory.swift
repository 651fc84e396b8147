import Glibc

/// A folder of a run's checkpoints; other files in it are ignored.
public struct CheckpointDirectory: Hashable, Sendable {
    /// The folder's path.
    public let path: String

    /// Creates a reference to a folder, which need not exist.
    public init(path: String) {
        self.path = path
    }

    /// Prepares the folder for writing: creates it if needed and removes temporary files of killed
    /// processes.
    ///
    /// - Throws: `DTrainError` with `inputOutput` when the folder can't be created or written to.
    public func prepare() throws {
        try Folder.create(path)
        try AtomicFile.removeStaleTemporaries(in: path)
    }

    /// The path of the checkpoint for a point in a run.
    public func file(for progress: TrainingProgress) -> String {
        file(CheckpointName(progress))
    }

    /// The path of a checkpoint in this folder.
    public func file(_ name: CheckpointName) -> String {
        "\(path)/\(name.fileName)"
    }

    /// The file name of the checkpoint with the lowest held-out loss.
    public static let bestName = "ckpt_best.safetensors"

    /// The path of the checkpoint with the lowest held-out loss; `list` doesn't include it.
    public var best: String { "\(path)/\(Self.bestName)" }

    /// The names of the checkpoints, newest first; empty if the folder doesn't exist.
    ///
    /// - Throws: `DTrainError` with `inputOutput` when the folder can't be read.
    public func list() throws -> [CheckpointName] {
        guard Folder.exists(path) else { return [] }
        return try Folder.names(in: path).compactMap { CheckpointName($0) }.sorted(by: >)
    }

    /// The newest valid checkpoint; nil if there is none.
    ///
    /// The best checkpoint counts only if the folder holds no other, as before the first one is due.
    ///
    /// - Parameters:
    ///   - heartbeat: beats while files are read.
    ///   - report: receives the error of each invalid checkpoint, which is skipped.
    /// - Throws: `DTrainError` with `inputOutput` when the folder can't be read.
    public func newestValid(
        heartbeat: Heartbeat? = nil, report: (DTrainError) -> Void = { _ in }
    ) throws -> Checkpoint? {
        let names = try list()
        for path in names.isEmpty && Folder.exists(best) ? [best] : names.map(file) {
            do {
                return try Checkpoint(path: path, heartbeat: heartbeat)
            } catch let error as DTrainError {
                report(error)
            }
        }
        return nil
    }

    /// Throws if the folder already holds checkpoints, which a new run must not mix with its own.
    ///
    /// - Throws: `DTrainError` with `usage` that names the checkpoints found.
    public func requireFresh() throws {
        let names = try list()
        let newest = names.first?.fileName ?? (Folder.exists(best) ? Self.bestName : nil)
        guard let newest else { return }
        let oldest = names.last?.fileName ?? newest
        let found = names.count <= 1 ? newest : "\(oldest) to \(newest), \(names.count) files"
        throw DTrainError(
            .usage, "folder '\(path)' already holds checkpoints (\(found))",
            hint: "continue from them with `resume`, delete them with `overwrite`, or name another folder")
    }

    /// Deletes all checkpoints after a point in the run, or all if it is nil; other files are kept.
    ///
    /// The newest is deleted last, so that a deletion that is cut short doesn't make another the
    /// newest.
    ///
    /// - Throws: `DTrainError` with `inputOutput` when a file can't be deleted.
    public func removeAll(after point: CheckpointName? = nil) throws {
        for name in try list().reversed() where point.map({ $0 < name }) ?? true { try remove(name) }
    }

    /// Deletes the best checkpoint unless it was saved at a step or before it.
    ///
    /// - Parameters:
    ///   - step: the number of steps that the run has done; nil deletes it in any case.
    ///   - heartbeat: beats while the file is read.
    /// - Throws: `DTrainError` with `inputOutput` when the file can't be deleted.
    package func removeBest(after step: Int? = nil, heartbeat: Heartbeat? = nil) throws {
        guard Folder.exists(best) else { return }
        // One that can't be read is of no use to a resumed run, so it is deleted, too.
        if let step, let saved = readBest(heartbeat: heartbeat)?.metadata.progress?.step, saved <= step { return }
        try remove(best)
    }

    /// The checkpoint with the lowest held-out loss; nil if there is none that can be read.
    ///
    /// - Parameter heartbeat: beats while the file is read.
    package func readBest(heartbeat: Heartbeat? = nil) -> Checkpoint? {
        Folder.exists(best) ? try? Checkpoint(path: best, heartbeat: heartbeat) : nil
    }

    /// Deletes all but the newest checkpoints; the newest valid one is always kept.
    ///
    /// - Parameters:
    ///   - count: the number of checkpoints to keep, at least 1.
    ///   - written: the path of a checkpoint written just now. It counts as valid without being
    ///     read again.
    /// - Throws: `DTrainError` with `inputOutput` when a file can't be deleted or the folder can't
    ///   be read.
    public func prune(keeping count: Int, written: String? = nil) throws {
        let names = try list()
        let surplus = names.dropFirst(max(count, 1))
        guard !surplus.isEmpty else { return }
        if let sound = names.first(where: { file($0) == written }) {
            for name in surplus where name != sound { try remove(name) }
            return
        }
        // Without any valid checkpoint, delete none: the damage may be a temporary disk error.
        guard let valid = names.first(where: { (try? Checkpoint(path: file($0))) != nil }) else { return }
        for name in surplus where name != valid { try remove(name) }
    }

    /// Opens a checkpoint or weights file; of a folder, the file that `newestFile` returns.
    ///
    /// - Parameters:
    ///   - path: the file or folder.
    ///   - vocabulary: the vocabulary if the file has none.
    ///   - report: receives the error of each invalid checkpoint, which is skipped.
    /// - Throws: `DTrainError` with `noInput` when there is no such file, with `badData` when the
    ///   file is invalid.
    public static func resolve(
        _ path: String, vocabulary: Vocabulary? = nil, report: (DTrainError) -> Void = { _ in }
    ) throws -> Checkpoint {
        guard Folder.isFolder(path), let newest = try CheckpointDirectory(path: path).newestValid(report: report) else {
            return try Checkpoint(weights: try newestFile(path), vocabulary: vocabulary)
        }
        if let vocabulary { try newest.require(vocabulary) }
        return newest
    }

    /// Opens the checkpoint with the lowest held-out loss in a folder.
    ///
    /// - Parameters:
    ///   - path: the folder.
    ///   - vocabulary: the vocabulary if the file has none.
    /// - Throws: `DTrainError` with `usage` when the path isn't a folder, with `noInput` when there
    ///   is no such checkpoint, with `badData` when it is invalid.
    public static func resolveBest(_ path: String, vocabulary: Vocabulary? = nil) throws -> Checkpoint {
        guard Folder.isFolder(path) else {
            throw DTrainError(
                .usage, "`best` looks for \(bestName) in a folder, but '\(path)' is not one",
                hint: "name the folder, or leave `best` out")
        }
        let best = CheckpointDirectory(path: path).best
        guard Folder.exists(best) else {
            throw DTrainError(
                .noInput, "folder '\(path)' holds no \(bestName), which a training with held-out data writes",
                hint: "train with `validation-split` or `validation-data`, or leave `best` out")
        }
        return try Checkpoint(weights: best, vocabulary: vocabulary)
    }

    /// The file itself; of a folder, the newest valid checkpoint, or else the exported generator.
    ///
    /// - Parameters:
    ///   - path: the file or folder.
    ///   - report: receives the error of each invalid checkpoint, which is skipped.
    /// - Throws: `DTrainError` with `noInput` when a folder holds neither.
    package static func newestFile(_ path: String, report: (DTrainError) -> Void = { _ in }) throws -> String {
        guard Folder.isFolder(path) else { return path }
        if let newest = try CheckpointDirectory(path: path).newestValid(report: report) { return newest.path }
        let generator = "\(path)/\(Checkpoint.generatorName)"
        if Folder.exists(generator) { return generator }
        let others = try Folder.names(in: path).filter { $0.hasSuffix(".safetensors") }.sorted()
        let hint =
            others.first.map { "name a file, such as '\(path)/\($0)'" }
            ?? "train first, or name a checkpoint or its folder"
        throw DTrainError(.noInput, "folder '\(path)' holds no valid checkpoint; \(hint)")
    }

    private func remove(_ name: CheckpointName) throws { try remove(file(name)) }

    private func remove(_ file: String) throws {
        guard unlink(file) == 0 || errno == ENOENT else {
            throw DTrainError(
                .inputOutput, "cannot delete '\(file)': \(systemMessage()); check the folder's permissions")
        }
    }
}
