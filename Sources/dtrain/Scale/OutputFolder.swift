import DTrainCore
import Glibc
import Scaling

/// The folder of an experiment, with a subfolder for the output of its runs.
struct OutputFolder {
    let path: String
    /// The lock against a second experiment in the folder.
    private let lock: FileLock
    private var work: String { "\(path)/runs" }

    /// The file of the last run's terminal output.
    var log: String { "\(work)/output.txt" }
    /// The file of the last run's metrics.
    var metrics: String { "\(work)/metrics.jsonl" }
    /// The folder of the last run's checkpoints, deleted after each run.
    var checkpoints: String { "\(work)/checkpoints" }

    /// Whether the folder holds an unfinished experiment.
    var isUnfinished: Bool { Self.isUnfinished(path) }
    /// Whether the folder holds a finished experiment, or any file with the name of a result.
    var holdsResults: Bool { ResultFiles.names.contains { access("\(path)/\($0)", F_OK) == 0 } }

    /// Creates and locks the folder.
    ///
    /// - Parameters:
    ///   - path: the folder.
    ///   - overwrite: whether an earlier experiment's files are deleted.
    ///   - resume: whether to keep the files of an existing experiment.
    /// - Throws: `DTrainError` with `usage` when an experiment exists and may not be overwritten,
    ///   with `inputOutput` when the folder can't be created.
    init(_ path: String, overwrite: Bool, resume: Bool = false) throws {
        self.path = path
        let bare = path.reversed().drop { $0 == "/" }.reversed()
        try Folder.create(Folder.parent(of: String(bare)))
        // If two experiments start at once, only one creates the folder.
        guard mkdir(path, 0o777) == 0 || overwrite || resume || errno != EEXIST else {
            let way =
                Self.isUnfinished(path)
                ? "add --resume to continue the unfinished experiment in it" : "name another folder"
            throw DTrainError(
                .usage, "--output '\(path)' exists already; \(way) or add --overwrite to replace its files")
        }
        try Folder.create(path)
        lock = try FileLock(path: path, flags: O_RDONLY | O_DIRECTORY) { holder in
            DTrainError(
                .inputOutput,
                "another 'dtrain scale' (\(holder)) writes to --output '\(path)'; wait until it ends, or name another"
            )
        }
        if overwrite { for name in ResultFiles.names + [Progress.name] { unlink("\(path)/\(name)") } }
        try Folder.create(work)
    }

    private static func isUnfinished(_ path: String) -> Bool { access("\(path)/\(Progress.name)", F_OK) == 0 }

    /// Removes the output of runs, and the folder if it is then empty.
    func removeWork() {
        removeRun()
        unlink(log)
        rmdir(work)
        rmdir(path)
    }

    /// Removes the progress file of a finished experiment.
    func finish() { unlink("\(path)/\(Progress.name)") }

    /// Removes the files of one run except its terminal output.
    func removeRun() {
        unlink(metrics)
        for name in (try? Folder.names(in: checkpoints)) ?? [] { unlink("\(checkpoints)/\(name)") }
        rmdir(checkpoints)
    }
}
