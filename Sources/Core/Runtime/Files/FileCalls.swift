import Glibc

/// The system calls that put a file in its place; tests set failing ones instead.
///
/// Each returns what the system call returns: -1, with `errno` set, for a failure.
public struct FileCalls: Sendable {
    /// Opens a path, with flags; new files may be read and written by all, as far as the umask lets them.
    public var open: @Sendable (_ path: String, _ flags: Int32) -> Int32
    /// Writes bytes; how many.
    public var write: @Sendable (_ descriptor: Int32, _ bytes: UnsafeRawBufferPointer) -> Int
    /// Flushes a file or folder to its disk.
    public var flush: @Sendable (_ descriptor: Int32) -> Int32
    /// Closes a descriptor.
    public var close: @Sendable (_ descriptor: Int32) -> Int32
    /// Gives a file another name.
    public var rename: @Sendable (_ old: String, _ new: String) -> Int32
    /// Removes a file.
    public var remove: @Sendable (_ path: String) -> Int32

    /// The system's own.
    public static let system = FileCalls(
        open: { Glibc.open($0, $1, 0o666) }, write: { Glibc.write($0, $1.baseAddress, $1.count) },
        flush: { Glibc.fsync($0) }, close: { Glibc.close($0) }, rename: { Glibc.rename($0, $1) },
        remove: { Glibc.unlink($0) })
}
