import Glibc

/// A lock that reserves a checkpoint folder for one run.
///
/// Processes that only read the folder aren't affected.
package final class CheckpointLock: Sendable {
    private let lock: FileLock

    /// Acquires the lock.
    ///
    /// - Parameters:
    ///   - directory: the folder.
    ///   - heartbeat: beats while waiting.
    /// - Throws: `DTrainError` with `inputOutput` that names the process of another run that holds
    ///   the lock.
    package init(_ directory: CheckpointDirectory, heartbeat: Heartbeat? = nil) throws {
        lock = try FileLock(
            path: directory.path, flags: O_RDONLY | O_DIRECTORY, heartbeat: heartbeat, isOptional: true
        ) { holder in
            DTrainError(
                .inputOutput, "another training (\(holder)) saves to folder '\(directory.path)'",
                hint: "wait until it ends, or name another folder with `checkpoint-dir`")
        }
    }

    /// Acquires the lock of an existing folder; nil if the folder doesn't exist.
    ///
    /// Doesn't change anything on disk.
    ///
    /// - Throws: the errors of `init`.
    package static func ofExisting(_ directory: CheckpointDirectory, heartbeat: Heartbeat? = nil) throws
        -> CheckpointLock?
    {
        guard Folder.isFolder(directory.path) else { return nil }
        return try CheckpointLock(directory, heartbeat: heartbeat)
    }

    /// Whether the folder's path still leads to the locked folder.
    package func isOn(_ directory: CheckpointDirectory) -> Bool { lock.isOn(directory.path) }
}
