import Glibc

/// Appends to an open file; what the system doesn't take is kept and tried again with the next bytes.
///
/// A training doesn't end because a disk is full for a while.
package struct RetryingWriter {
    private let file: FileLock
    private let calls: FileCalls
    /// The bytes that are still to be written.
    ///
    /// The file may have the first part of what was appended with them.
    package private(set) var pending: [UInt8] = []

    /// Takes over an open file.
    ///
    /// - Parameters:
    ///   - file: the file, or a pipe or device.
    ///   - calls: the system calls that write.
    package init(_ file: FileLock, calls: FileCalls = .system) { (self.file, self.calls) = (file, calls) }

    /// Appends bytes, and writes all that can be written.
    ///
    /// - Returns: the error number of the system where bytes are left, nil where there are none.
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
        // A failure shows at the end; a pipe can't be flushed.
        { [file] in _ = fdatasync(file.descriptor) }
    }

    /// Writes the rest and flushes it to the disk.
    ///
    /// A pipe's reader may take a few seconds.
    ///
    /// - Returns: the error number of the system where bytes are left or may be lost, nil where all is well.
    package mutating func finish() -> Int32? {
        var code = writePending()
        while code == EAGAIN, isWritable() { code = writePending() }
        if code == nil, fdatasync(file.descriptor) != 0, errno != EINVAL, errno != EROFS { code = errno }
        return code
    }

    /// Whether a pipe takes something again, within a few seconds.
    private func isWritable() -> Bool {
        var pipe = pollfd(fd: file.descriptor, events: Int16(POLLOUT), revents: 0)
        return poll(&pipe, 1, 5000) > 0
    }
}
