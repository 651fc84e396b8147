import Glibc

/// The folder that holds a training's checkpoints; files with other names in it are none of its business.
public struct CheckpointDirectory: Hashable, Sendable {
    /// The folder's path.
    public let path: String

    /// Names a folder, which need not exist yet.
    public init(path: String) {
        self.path = path
    }

    /// Makes the folder ready for writing: creates it where needed and removes what killed writers left.
    ///
    /// - Throws: `DTrainError` with `inputOutput` when the folder can't be created or written to.
    public func prepare() throws {
        try Folder.create(path)
        try AtomicFile.removeStaleTemporaries(in: path)
    }

    /// The path of the checkpoint for a point in a training.
    public func file(for progress: TrainingProgress) -> String {
        file(CheckpointName(progress))
    }

    /// The path of a checkpoint of this folder.
    public func file(_ name: CheckpointName) -> String {
        "\(path)/\(name.fileName)"
    }

    /// The name of the checkpoint with the least held-out loss.
    public static let bestName = "ckpt_best.safetensors"

    /// The path of the checkpoint with the least held-out loss, which is not among those of `list`.
    public var best: String { "\(path)/\(Self.bestName)" }

    /// The checkpoints by name, newest first; none when the folder doesn't exist.
    ///
    /// - Throws: `DTrainError` with `inputOutput` when the folder can't be read.
    public func list() throws -> [CheckpointName] {
        guard Folder.exists(path) else { return [] }
        return try Folder.names(in: path).compactMap { CheckpointName($0) }.sorted(by: >)
    }

    /// The newest checkpoint that is sound, nil when there is none.
    ///
    /// - Parameters:
    ///   - heartbeat: shows that the search goes on.
    ///   - report: called with the error of each damaged one, which is skipped.
    /// - Throws: `DTrainError` with `inputOutput` when the folder can't be read.
    public func newestValid(
        heartbeat: Heartbeat? = nil, report: (DTrainError) -> Void = { _ in }
    ) throws -> Checkpoint? {
        for name in try list() {
            do {
                return try Checkpoint(path: file(name), heartbeat: heartbeat)
            } catch let error as DTrainError {
                report(error)
            }
        }
        return nil
    }

    /// Refuses a folder that holds checkpoints already: the rule for a training that starts anew.
    ///
    /// - Throws: `DTrainError` with `usage` that says what is there.
    public func requireFresh() throws {
        let names = try list()
        let newest = names.first?.fileName ?? (Folder.exists(best) ? Self.bestName : nil)
        guard let newest else { return }
        let oldest = names.last?.fileName ?? newest
        let found = names.count <= 1 ? newest : "\(oldest) to \(newest), \(names.count) files"
        throw DTrainError(
            .usage, "folder '\(path)' already holds a training's checkpoints (\(found))",
            hint: "go on from them with `resume`, delete them with `overwrite`, or name another folder")
    }

    /// Deletes all checkpoints that come after a point in the training, nil for all; and nothing else.
    ///
    /// - Throws: `DTrainError` with `inputOutput` when one can't be deleted.
    public func removeAll(after point: CheckpointName? = nil) throws {
        for name in try list() where point.map({ $0 < name }) ?? true { try remove(name) }
    }

    /// Deletes the best checkpoint unless it was saved at this step or before.
    ///
    /// - Parameter step: the steps that a training has done; nil deletes it in any case.
    /// - Throws: `DTrainError` with `inputOutput` when it can't be deleted.
    package func removeBest(after step: Int? = nil) throws {
        guard Folder.exists(best) else { return }
        // One that can't be read is of no use to the training that goes on.
        if let step, let saved = (try? Checkpoint(path: best))?.metadata.progress?.step, saved <= step { return }
        try remove(best)
    }

    /// Deletes all but the newest checkpoints; the newest sound one stays even when it isn't among them.
    ///
    /// - Parameters:
    ///   - count: how many stay, at least 1.
    ///   - written: the path of one that was written just now: known to be sound, it stays in any case and isn't read again.
    /// - Throws: `DTrainError` with `inputOutput` when one can't be deleted or the folder can't be read.
    public func prune(keeping count: Int, written: String? = nil) throws {
        let names = try list()
        let surplus = names.dropFirst(max(count, 1))
        guard !surplus.isEmpty else { return }
        if let sound = names.first(where: { file($0) == written }) {
            for name in surplus where name != sound { try remove(name) }
            return
        }
        // With no sound one at all, none is deleted: what looks damaged may be a disk that comes back.
        guard let valid = names.first(where: { (try? Checkpoint(path: file($0))) != nil }) else { return }
        for name in surplus where name != valid { try remove(name) }
    }

    /// Opens a checkpoint file or any file of weights, or of a folder what `newestFile` says.
    ///
    /// - Parameters:
    ///   - path: the file or folder.
    ///   - vocabulary: what the ids mean where the file doesn't say.
    ///   - report: called with the error of each damaged checkpoint, which is skipped.
    /// - Throws: `DTrainError` with `noInput` when there is nothing, `badData` when the file is unfit.
    public static func resolve(
        _ path: String, vocabulary: Vocabulary? = nil, report: (DTrainError) -> Void = { _ in }
    ) throws -> Checkpoint {
        guard Folder.isFolder(path), let newest = try CheckpointDirectory(path: path).newestValid(report: report) else {
            return try Checkpoint(weights: try newestFile(path), vocabulary: vocabulary)
        }
        if let vocabulary { try newest.require(vocabulary) }
        return newest
    }

    /// Opens the checkpoint with the least held-out loss of a folder.
    ///
    /// - Parameters:
    ///   - path: the folder.
    ///   - vocabulary: as for `resolve`.
    /// - Throws: `DTrainError` with `usage` when it isn't a folder, `noInput` when there is none in it, `badData` when it is unfit.
    public static func resolveBest(_ path: String, vocabulary: Vocabulary? = nil) throws -> Checkpoint {
        guard Folder.isFolder(path) else {
            throw DTrainError(
                .usage, "`best` looks for \(bestName) in a folder, but '\(path)' is none",
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

    /// A file itself, or of a folder the newest sound checkpoint, else the generator exported to it.
    ///
    /// - Parameters:
    ///   - path: the file or folder.
    ///   - report: called with the error of each damaged checkpoint, which is skipped.
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
