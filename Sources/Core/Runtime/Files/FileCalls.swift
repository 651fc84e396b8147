import Glibc

/// The system calls that write a file; tests substitute failing ones.
///
/// Each returns the result of the system call: −1 on failure, with `errno` set.
package struct FileCalls: Sendable {
    /// Opens a path with flags; the permissions of new files are 0666 less the umask.
    package var open: @Sendable (_ path: String, _ flags: Int32) -> Int32
    /// Writes bytes and returns their number.
    package var write: @Sendable (_ descriptor: Int32, _ bytes: UnsafeRawBufferPointer) -> Int
    /// Flushes a file or folder to its disk.
    package var flush: @Sendable (_ descriptor: Int32) -> Int32
    /// Closes a descriptor.
    package var close: @Sendable (_ descriptor: Int32) -> Int32
    /// Renames a file.
    package var rename: @Sendable (_ old: String, _ new: String) -> Int32
    /// Removes a file.
    package var remove: @Sendable (_ path: String) -> Int32

    /// The real system calls.
    package static let system = FileCalls(
        open: { Glibc.open($0, $1, 0o666) }, write: { Glibc.write($0, $1.baseAddress, $1.count) },
        flush: { Glibc.fsync($0) }, close: { Glibc.close($0) }, rename: { Glibc.rename($0, $1) },
        remove: { Glibc.unlink($0) })
}
