import DTrainCore
import Glibc
import Scaling

/// The folder of an experiment, with a place inside of it for what its runs write.
struct OutputFolder {
    let path: String
    /// Keeps the folder to one experiment at a time.
    private let lock: FileLock
    private var work: String { "\(path)/runs" }

    /// What the last run wrote to the screen.
    var log: String { "\(work)/output.txt" }
    /// Its metrics.
    var metrics: String { "\(work)/metrics.jsonl" }
    /// Its checkpoints, deleted after each run.
    var checkpoints: String { "\(work)/checkpoints" }

    /// Whether an experiment in it isn't finished.
    var isUnfinished: Bool { Self.isUnfinished(path) }
    /// Whether there is a finished experiment in it, or another's file of that name.
    var holdsResults: Bool { ResultFiles.names.contains { access("\(path)/\($0)", F_OK) == 0 } }

    /// Makes the folder.
    ///
    /// - Parameters:
    ///   - path: the folder.
    ///   - overwrite: whether an earlier experiment's files are deleted.
    ///   - resume: whether the folder may hold an experiment, whose files stay.
    /// - Throws: `DTrainError` with `usage` when there is one that may not be overwritten, with `inputOutput` when it can't be made.
    init(_ path: String, overwrite: Bool, resume: Bool = false) throws {
        self.path = path
        let bare = path.reversed().drop { $0 == "/" }.reversed()
        try Folder.create(Folder.parent(of: String(bare)))
        // Of two experiments that start at once, one has made the folder.
        guard mkdir(path, 0o777) == 0 || overwrite || resume || errno != EEXIST else {
            let way =
                Self.isUnfinished(path)
                ? "add --resume to continue the unfinished experiment in it" : "name another folder"
            throw DTrainError(
                .usage, "--output '\(path)' is there already; \(way) or add --overwrite to replace its files")
        }
        try Folder.create(path)
        lock = try FileLock(path: path, flags: O_RDONLY | O_DIRECTORY) { holder in
            DTrainError(
                .inputOutput,
                "another 'dtrain scale' (\(holder)) writes to --output '\(path)' right now; wait for its end, or name another"
            )
        }
        if overwrite { for name in ResultFiles.names + [Progress.name] { unlink("\(path)/\(name)") } }
        try Folder.create(work)
    }

    private static func isUnfinished(_ path: String) -> Bool { access("\(path)/\(Progress.name)", F_OK) == 0 }

    /// Removes what runs have written, and the folder itself where it holds nothing else.
    func removeWork() {
        removeRun()
        unlink(log)
        rmdir(work)
        rmdir(path)
    }

    /// Removes what only an unfinished experiment needs.
    func finish() { unlink("\(path)/\(Progress.name)") }

    /// Removes what one run has written, but for its output.
    func removeRun() {
        unlink(metrics)
        for name in (try? Folder.names(in: checkpoints)) ?? [] { unlink("\(checkpoints)/\(name)") }
        rmdir(checkpoints)
    }
}
