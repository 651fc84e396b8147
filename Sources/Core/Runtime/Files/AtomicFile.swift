import Glibc
import Synchronization

/// Writes files atomically: after a crash, a full disk or a power cut, a file has its old content
/// or the new one, never a mixture.
///
/// The bytes go to a temporary file in the same folder (`.NAME.PID-N.dtrain-tmp`), which is flushed
/// to the disk and renamed to NAME. Then the folder is flushed, since the new name must survive a
/// power cut too.
package enum AtomicFile {
    /// The suffix of every temporary, by which `removeStaleTemporaries` recognizes them.
    private static let suffix = ".dtrain-tmp"
    /// The most bytes per write call.
    static let piece = 4 << 20
    /// The number of bytes written between two flushes to the disk.
    static let flushInterval = 16 << 20
    private static let serial = Atomic<UInt64>(0)

    /// Creates or replaces a file with the bytes that `body` writes.
    ///
    /// - Parameters:
    ///   - path: the file; its folder must exist.
    ///   - replaces: whether an existing file may be replaced.
    ///   - calls: the system calls to use.
    ///   - body: writes the content, in order.
    /// - Throws: `DTrainError` with `inputOutput`, `DTrainError` with `usage` for a file that may
    ///   not be replaced, or an error of `body`. The temporary is then removed and the old file
    ///   unchanged. If only the flush of the folder failed, the new file is in place but may not
    ///   survive a power cut.
    package static func write(
        to path: String, replaces: Bool = true, with calls: FileCalls = .system,
        _ body: (inout Writer) throws -> Void
    ) throws {
        let (folder, name) = split(path)
        let number = serial.wrappingAdd(1, ordering: .relaxed).newValue
        let temporary = "\(folder)/.\(name).\(getpid())-\(number)\(suffix)"
        let descriptor = try create(temporary, for: path, calls)
        var isOpen = true
        var isInPlace = false
        defer {
            if isOpen { _ = calls.close(descriptor) }
            if !isInPlace { _ = calls.remove(temporary) }
        }
        var writer = Writer(descriptor: descriptor, path: path, calls: calls)
        try body(&writer)
        guard flush(descriptor, calls) == 0 else { throw failure("flush", path) }
        isOpen = false
        // Network file systems report a lost write only on close. After EINTR, Linux has closed the
        // descriptor anyway.
        guard calls.close(descriptor) == 0 || errno == EINTR else { throw failure("close", path) }
        if !replaces, try claim(path, for: temporary) {
            _ = calls.remove(temporary)
            isInPlace = true
            return try flush(folder: folder, calls)
        }
        guard calls.rename(temporary, path) == 0 else { throw failure("rename the temporary file to", path) }
        isInPlace = true
        try flush(folder: folder, calls)
    }

    /// Links a finished temporary to `path`, which must be free: if two processes do so, one fails.
    ///
    /// - Returns: whether the link was made; false on a file system without hard links.
    private static func claim(_ path: String, for temporary: String) throws -> Bool {
        if link(temporary, path) == 0 { return true }
        guard errno != EEXIST, !Folder.exists(path) else {
            throw DTrainError(.usage, "'\(path)' exists already", hint: "name another folder or add `overwrite`")
        }
        return false
    }

    /// Removes the temporaries that killed writers left in a folder, and nothing else.
    ///
    /// A temporary that a running process still writes is locked and stays.
    ///
    /// - Parameters:
    ///   - folder: the folder.
    ///   - target: the name of the file that the temporaries were written for; nil for all.
    /// - Returns: the names removed.
    /// - Throws: `DTrainError` with `inputOutput` when the folder can't be read or a temporary
    ///   can't be removed.
    @discardableResult
    package static func removeStaleTemporaries(
        in folder: String, of target: String? = nil
    ) throws -> [String] {
        try Folder.names(in: folder).filter { name in
            guard isTemporary(name, of: target) else { return false }
            let path = "\(folder)/\(name)"
            let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK)
            defer { if descriptor >= 0 { close(descriptor) } }
            if descriptor >= 0, flock(descriptor, LOCK_EX | LOCK_NB) != 0, errno == EWOULDBLOCK { return false }
            guard unlink(path) == 0 || errno == ENOENT else { throw failure("remove", path) }
            return true
        }
    }

    /// Removes the temporaries that killed writers of one file left beside it.
    ///
    /// Ignores errors, since leftover temporaries only take up space.
    package static func removeStaleTemporaries(of path: String) {
        let (folder, name) = split(path)
        _ = try? removeStaleTemporaries(in: folder, of: name)
    }

    /// Returns whether a name has the form of a temporary, `.NAME.PID-N.dtrain-tmp`, with NAME
    /// equal to `target` if given.
    static func isTemporary(_ name: String, of target: String? = nil) -> Bool {
        guard name.hasPrefix("."), name.hasSuffix(suffix) else { return false }
        let parts = name.dropFirst().dropLast(suffix.count).split(separator: ".", omittingEmptySubsequences: false)
        guard parts.count >= 2, let numbers = parts.last?.split(separator: "-", omittingEmptySubsequences: false) else {
            return false
        }
        guard numbers.count == 2, numbers.allSatisfy({ UInt64($0) != nil }) else { return false }
        return target.map { parts.dropLast().joined(separator: ".") == $0 } ?? true
    }

    private static func split(_ path: String) -> (folder: String, name: String) {
        guard let slash = path.lastIndex(of: "/") else { return (".", path) }
        let folder = path[..<slash]
        return (folder.isEmpty ? "/" : String(folder), String(path[path.index(after: slash)...]))
    }

    private static func create(_ temporary: String, for path: String, _ calls: FileCalls) throws -> Int32 {
        let flags = O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW
        var descriptor = calls.open(temporary, flags)
        if descriptor < 0, errno == EEXIST {
            // A dead process with the same number left it; the first process of a container always
            // has the same number.
            _ = calls.remove(temporary)
            descriptor = calls.open(temporary, flags)
        }
        guard descriptor >= 0 else { throw failure("create a temporary file for", path) }
        // Marks the file as in use for `removeStaleTemporaries` of other processes; has no effect
        // without file locks.
        _ = flock(descriptor, LOCK_EX | LOCK_NB)
        return descriptor
    }

    /// Flushes a folder, after which the names in it survive a power cut.
    static func flush(folder: String, _ calls: FileCalls) throws {
        let descriptor = calls.open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard descriptor >= 0 else { throw failure("open the folder", folder) }
        defer { _ = calls.close(descriptor) }
        // EINVAL: the file system can't flush a folder.
        guard flush(descriptor, calls) == 0 || errno == EINVAL else { throw failure("flush the folder", folder) }
    }

    /// Flushes a file, again if a signal interrupts it, as on network file systems.
    fileprivate static func flush(_ descriptor: Int32, _ calls: FileCalls) -> Int32 {
        var result = calls.flush(descriptor)
        while result != 0, errno == EINTR { result = calls.flush(descriptor) }
        return result
    }

    fileprivate static func failure(_ action: String, _ path: String) -> DTrainError {
        DTrainError(.inputOutput, "cannot \(action) '\(path)': \(systemMessage()); check the folder and its free space")
    }
}

extension AtomicFile {
    /// The writer of one file's bytes.
    package struct Writer: ~Copyable {
        fileprivate let descriptor: Int32
        fileprivate let path: String
        fileprivate let calls: FileCalls
        private var unflushed = 0

        fileprivate init(descriptor: Int32, path: String, calls: FileCalls) {
            (self.descriptor, self.path, self.calls) = (descriptor, path, calls)
        }

        /// Flushes after every `flushInterval` bytes.
        ///
        /// Without this, a slow disk would stall the final flush with no sign of progress.
        private mutating func flushNow(_ written: Int) throws {
            unflushed += written
            guard unflushed >= AtomicFile.flushInterval else { return }
            unflushed = 0
            guard AtomicFile.flush(descriptor, calls) == 0 else { throw AtomicFile.failure("flush", path) }
        }

        /// Appends bytes.
        ///
        /// - Throws: `DTrainError` with `inputOutput` if not all can be written.
        package mutating func write(_ bytes: UnsafeRawBufferPointer) throws {
            var rest = bytes[...]
            while !rest.isEmpty {
                let part = UnsafeRawBufferPointer(rebasing: rest.prefix(AtomicFile.piece))
                let written = calls.write(descriptor, part)
                if written > 0 {
                    rest = rest.dropFirst(written)
                    try flushNow(written)
                } else if written == 0 || errno != EINTR {
                    throw AtomicFile.failure("write", path)
                }
            }
        }
    }
}
