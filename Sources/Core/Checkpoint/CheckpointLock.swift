import Glibc

/// Keeps a checkpoint folder to one training at a time.
///
/// The kernel lets go of it when the process ends, however it ends. Another process of the same training that reads the
/// folder is not kept away.
package final class CheckpointLock: Sendable {
    private let descriptor: Int32

    /// Seconds in which a training that was just killed may still be about to end.
    private static let patience = 3.0

    /// Takes the lock.
    ///
    /// Where the file system knows no locks, nothing is kept away and nothing fails.
    ///
    /// - Throws: `DTrainError` with `inputOutput` when another training has it.
    package init(_ directory: CheckpointDirectory) throws {
        descriptor = open(directory.path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard descriptor >= 0 else { return }
        let end = Clock.seconds + Self.patience
        while flock(descriptor, LOCK_EX | LOCK_NB) != 0, errno == EWOULDBLOCK {
            guard Clock.seconds < end else {
                close(descriptor)
                throw DTrainError(
                    .inputOutput, "another training saves to folder '\(directory.path)' right now",
                    hint: "wait for its end, or name another folder with `checkpoint-dir`")
            }
            usleep(50_000)
        }
    }

    deinit { if descriptor >= 0 { close(descriptor) } }
}
