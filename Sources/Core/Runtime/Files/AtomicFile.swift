import Glibc
import Synchronization

/// Writes a file so that a crash, a full disk or a power cut leaves either the old content or the
/// new, never a mixture.
///
/// The bytes go to a temporary file in the same folder (`.NAME.PID-N.dtrain-tmp`), are flushed to
/// the disk, take the place of NAME by `rename`, and the folder is flushed too, so that the new
/// name itself survives a power cut.
package enum AtomicFile {
    /// The end of every temporary's name: what `removeStaleTemporaries` goes by.
    private static let suffix = ".dtrain-tmp"
    /// Bytes that are given to the system at once.
    static let piece = 4 << 20
    /// Bytes after which they are flushed to the disk.
    static let flushInterval = 16 << 20
    private static let serial = Atomic<UInt64>(0)

    /// Replaces or creates a file with what `body` writes.
    ///
    /// - Parameters:
    ///   - path: the file; its folder must exist.
    ///   - replaces: whether the file may be there already.
    ///   - calls: what does it.
    ///   - body: writes the content, in order.
    /// - Throws: `DTrainError` with `inputOutput`, `usage` for a file that may not be replaced, or what `body` throws. The temporary is gone
    ///   then, and the old file is as it was, except when only the flush of the folder failed: then
    ///   the new file is in place but may not survive a power cut.
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
        // Network file systems report a lost write only here; after EINTR Linux has closed the
        // descriptor all the same.
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

    /// Gives a finished temporary a second name that is free: of two processes that do so, one fails.
    ///
    /// - Returns: whether it has the name; not on a file system without such names.
    private static func claim(_ path: String, for temporary: String) throws -> Bool {
        if link(temporary, path) == 0 { return true }
        guard errno != EEXIST, !Folder.exists(path) else {
            throw DTrainError(.usage, "'\(path)' exists already", hint: "name another folder or add `overwrite`")
        }
        return false
    }

    /// Removes the temporaries that writers killed half-way left in a folder, and nothing else.
    ///
    /// A temporary that a living process still writes is locked by it and stays.
    ///
    /// - Parameters:
    ///   - folder: the folder.
    ///   - target: the file that they were to become; nil for any.
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

    /// Removes what writers of one file that were killed half-way left beside it.
    ///
    /// As far as that can be done: they only take room.
    package static func removeStaleTemporaries(of path: String) {
        let (folder, name) = split(path)
        _ = try? removeStaleTemporaries(in: folder, of: name)
    }

    /// Whether a name has the form of a temporary: `.NAME.PID-N.dtrain-tmp`; of that NAME, if one
    /// is given.
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
            // Left by a dead process that had the same number, as the first process of a container
            // always has.
            _ = calls.remove(temporary)
            descriptor = calls.open(temporary, flags)
        }
        guard descriptor >= 0 else { throw failure("create a temporary file for", path) }
        // Tells `removeStaleTemporaries` of another process that the file is in use; best effort
        // where locks are missing.
        _ = flock(descriptor, LOCK_EX | LOCK_NB)
        return descriptor
    }

    /// Flushes a folder, so that the names in it survive a power cut.
    static func flush(folder: String, _ calls: FileCalls) throws {
        let descriptor = calls.open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard descriptor >= 0 else { throw failure("open the folder", folder) }
        defer { _ = calls.close(descriptor) }
        // Some file systems can't flush a folder and say so with EINVAL; there is nothing more to
        // do on them.
        guard flush(descriptor, calls) == 0 || errno == EINVAL else { throw failure("flush the folder", folder) }
    }

    /// A signal may interrupt the flush on network file systems; then nothing is known of the bytes
    /// yet.
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
    /// Takes the bytes of a file that is being written.
    package struct Writer: ~Copyable {
        fileprivate let descriptor: Int32
        fileprivate let path: String
        fileprivate let calls: FileCalls
        private var unflushed = 0

        fileprivate init(descriptor: Int32, path: String, calls: FileCalls) {
            (self.descriptor, self.path, self.calls) = (descriptor, path, calls)
        }

        /// The system takes bytes much faster than a slow disk does: flushed now and then, writing
        /// goes at the disk's own pace, and who watches it sees it move.
        private mutating func flushNow(_ written: Int) throws {
            unflushed += written
            guard unflushed >= AtomicFile.flushInterval else { return }
            unflushed = 0
            guard AtomicFile.flush(descriptor, calls) == 0 else { throw AtomicFile.failure("flush", path) }
        }

        /// Appends bytes.
        ///
        /// - Throws: `DTrainError` with `inputOutput` when the system can't take them all.
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
