import Glibc

/// An advisory lock that reserves a file or folder for one process at a time.
///
/// The kernel releases it when the process ends for any reason. On a file system without locks it
/// has no effect and doesn't fail.
package final class FileLock: Sendable {
    /// The open file; closed with this object.
    package let descriptor: Int32

    /// Seconds to wait for a process that was killed but hasn't ended yet.
    private static let lockTimeout = 3.0

    /// Takes over an open file without locking it: a pipe, a device, or a file of a name that no
    /// other process uses.
    package init(unlocked descriptor: Int32) {
        self.descriptor = descriptor
    }

    /// Opens a path and locks the file or folder there.
    ///
    /// - Parameters:
    ///   - path: the file or folder.
    ///   - flags: the flags of `open`.
    ///   - heartbeat: beats while waiting.
    ///   - isOptional: whether a path that can't be opened is accepted, without a lock.
    ///   - busy: returns the error for a lock that another process holds, given a description of
    ///     that process.
    /// - Throws: `DTrainError` with `inputOutput` if the path can't be opened; the error that
    ///   `busy` returns.
    package init(
        path: String, flags: Int32, heartbeat: Heartbeat? = nil, isOptional: Bool = false,
        busy: (_ holder: String) -> DTrainError
    ) throws {
        let end = Clock.seconds + Self.lockTimeout
        while true {
            let descriptor = open(path, flags | O_CLOEXEC, 0o666)
            guard descriptor >= 0 || isOptional else {
                throw DTrainError(
                    .inputOutput,
                    "cannot open '\(path)': \(systemMessage()); check the permissions or use another path")
            }
            var isFree = true
            while flock(descriptor, LOCK_EX | LOCK_NB) != 0, errno == EWOULDBLOCK || errno == EINTR {
                isFree = Clock.seconds < end
                guard isFree else { break }
                heartbeat?.beat()
                usleep(50_000)
            }
            guard isFree else {
                let holder = Self.holder(of: descriptor)
                close(descriptor)
                throw busy(holder)
            }
            // The last holder may have replaced the file before it released the lock.
            if descriptor < 0 || Self.leads(path, to: descriptor) || Clock.seconds >= end {
                self.descriptor = descriptor
                return
            }
            close(descriptor)
        }
    }

    /// Returns whether the path still leads to the locked file.
    package func isOn(_ path: String) -> Bool { Self.leads(path, to: descriptor) }

    deinit { if descriptor >= 0 { close(descriptor) } }

    private static func leads(_ path: String, to descriptor: Int32) -> Bool {
        var (there, own) = (stat(), stat())
        return stat(path, &there) == 0 && fstat(descriptor, &own) == 0 && there.st_dev == own.st_dev
            && there.st_ino == own.st_ino
    }

    /// Describes the process that holds the lock, as far as the kernel reports it.
    private static func holder(of descriptor: Int32) -> String {
        var status = stat()
        guard fstat(descriptor, &status) == 0, let locks = SystemFile.text("/proc/locks") else {
            return "another process"
        }
        for line in locks.split(separator: "\n") {
            // 1: FLOCK  ADVISORY  WRITE 1669 fe:00:16244885 0 EOF
            let words = line.split(separator: " ")
            guard words.count > 5, words[1] == "FLOCK", words[5].hasSuffix(":\(status.st_ino)"),
                let process = Int(words[4]), process > 0
            else { continue }
            return "process \(process) of this host"
        }
        return "a process of another host or user"
    }
}
