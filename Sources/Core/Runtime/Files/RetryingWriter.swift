import Glibc
import Synchronization

/// Appends to an open file.
///
/// Bytes that the system doesn't accept are kept and retried with the next append, so a temporarily
/// full disk doesn't end a training.
package struct RetryingWriter {
    private let file: FileLock
    private let calls: FileCalls
    /// The bytes that are still to be written.
    ///
    /// The file may have the first part of what was appended with them.
    package private(set) var pending: [UInt8] = []
    private let failure = FlushFailure()

    /// Takes over an open file.
    ///
    /// - Parameters:
    ///   - file: the file, or a pipe or device.
    ///   - calls: the system calls that write.
    package init(_ file: FileLock, calls: FileCalls = .system) { (self.file, self.calls) = (file, calls) }

    /// Appends bytes, and writes all that can be written.
    ///
    /// - Returns: the system's error number if bytes remain; nil otherwise.
    package mutating func append(_ bytes: some Sequence<UInt8>) -> Int32? {
        pending.append(contentsOf: bytes)
        return writePending()
    }

    private mutating func writePending() -> Int32? {
        while !pending.isEmpty {
            let written = pending.withUnsafeBytes { calls.write(file.descriptor, $0) }
            if written > 0 {
                pending.removeFirst(written)
            } else if written == 0 || errno != EINTR {
                return written == 0 ? EIO : errno
            }
        }
        return nil
    }

    /// Flushes what is written to the disk, from any thread.
    package var flush: @Sendable () -> Void {
        { [file, failure] in
            guard let code = Self.flush(file.descriptor) else { return }
            failure.code.withLock { $0 = $0 ?? code }
        }
    }

    /// Flushes a file; a pipe can't be flushed, which is no error.
    ///
    /// - Returns: the system's error number; nil without an error.
    private static func flush(_ descriptor: Int32) -> Int32? {
        fdatasync(descriptor) == 0 || errno == EINVAL || errno == EROFS ? nil : errno
    }

    /// Writes the rest and flushes it to the disk.
    ///
    /// A pipe's reader may take a few seconds.
    ///
    /// - Returns: the system's error number if bytes remain or may be lost; nil otherwise.
    package mutating func finish() -> Int32? {
        var code = writePending()
        while code == EAGAIN, isWritable() { code = writePending() }
        return code ?? failure.code.withLock { $0 } ?? Self.flush(file.descriptor)
    }

    /// Waits up to 5 s for a pipe to become writable; returns whether it has.
    private func isWritable() -> Bool {
        var pipe = pollfd(fd: file.descriptor, events: Int16(POLLOUT), revents: 0)
        return poll(&pipe, 1, 5000) > 0
    }
}

/// The error number of the first flush that failed, since the system reports it only once; nil for
/// none.
private final class FlushFailure: Sendable {
    let code = Mutex<Int32?>(nil)
}
