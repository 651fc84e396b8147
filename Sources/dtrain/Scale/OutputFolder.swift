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
    /// Its checkpoints, which nobody needs.
    var checkpoints: String { "\(work)/checkpoints" }

    /// Makes the folder.
    ///
    /// - Throws: `DTrainError` with `usage` when there is one that may not be overwritten, with `inputOutput` when it can't be made.
    init(_ path: String, overwrite: Bool) throws {
        self.path = path
        let bare = path.reversed().drop { $0 == "/" }.reversed()
        try Folder.create(Folder.parent(of: String(bare)))
        // Of two experiments that start at once, one has made the folder.
        guard mkdir(path, 0o777) == 0 || overwrite || errno != EEXIST else {
            throw DTrainError(
                .usage,
                "--output '\(path)' is there already; name another folder or add --overwrite to replace its files")
        }
        try Folder.create(path)
        lock = try FileLock(path: path, flags: O_RDONLY | O_DIRECTORY) { holder in
            DTrainError(
                .inputOutput,
                "another 'dtrain scale' (\(holder)) writes to --output '\(path)' right now; wait for its end, or name another"
            )
        }
        for name in ResultFiles.names { unlink("\(path)/\(name)") }
        try Folder.create(work)
    }

    /// Removes what runs have written, and the folder itself where it holds nothing else.
    func removeWork() {
        removeRun()
        unlink(log)
        rmdir(work)
        rmdir(path)
    }

    /// Removes what one run has written, but for its output.
    func removeRun() {
        unlink(metrics)
        for name in (try? Folder.names(in: checkpoints)) ?? [] { unlink("\(checkpoints)/\(name)") }
        rmdir(checkpoints)
    }
}
