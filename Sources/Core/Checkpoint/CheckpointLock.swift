import Glibc

/// Keeps a checkpoint folder to one training at a time.
///
/// Another process that only reads the folder is not kept away.
package final class CheckpointLock: Sendable {
    private let lock: FileLock

    /// Takes the lock.
    ///
    /// - Parameters:
    ///   - directory: the folder.
    ///   - heartbeat: shows that waiting goes on.
    /// - Throws: `DTrainError` with `inputOutput` that names the process, when another training has the folder.
    package init(_ directory: CheckpointDirectory, heartbeat: Heartbeat? = nil) throws {
        lock = try FileLock(
            path: directory.path, flags: O_RDONLY | O_DIRECTORY, heartbeat: heartbeat, isOptional: true
        ) { holder in
            DTrainError(
                .inputOutput, "another training (\(holder)) saves to folder '\(directory.path)' right now",
                hint: "wait for its end, or name another folder with `checkpoint-dir`")
        }
    }

    /// Takes the lock of a folder that is there; nil for one that is not.
    ///
    /// Changes nothing on the disk.
    ///
    /// - Throws: as `init`.
    package static func ofExisting(_ directory: CheckpointDirectory, heartbeat: Heartbeat? = nil) throws
        -> CheckpointLock?
    {
        guard Folder.isFolder(directory.path) else { return nil }
        return try CheckpointLock(directory, heartbeat: heartbeat)
    }

    /// Whether the path of the folder still leads to what is locked.
    package func isOn(_ directory: CheckpointDirectory) -> Bool { lock.isOn(directory.path) }
}
