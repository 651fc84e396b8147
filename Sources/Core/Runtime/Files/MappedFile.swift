import Glibc

/// A regular file mapped read-only into memory; pages are read when touched and belong to the page cache.
package final class MappedFile: @unchecked Sendable {
    /// The file's path, as given.
    package let path: String
    /// The file's bytes, valid for as long as this object lives.
    package let bytes: UnsafeRawBufferPointer

    /// Maps a whole file.
    ///
    /// - Parameters:
    ///   - path: the file.
    ///   - kind: what the file is to the user, for the error message ("text file", "checkpoint").
    /// - Throws: `DTrainError` with `noInput` when there is no such readable regular file, `inputOutput` when mapping
    ///   fails.
    package init(path: String, kind: String = "file") throws {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard descriptor >= 0 else {
            let code = errno
            if let other = FileKind(path: path), other != .regular {
                throw DTrainError(.noInput, "\(kind) '\(path)' is \(other.name); name a regular file")
            }
            throw DTrainError(.noInput, "cannot open \(kind) '\(path)': \(systemMessage(code)); check the path")
        }
        defer { close(descriptor) }
        var status = stat()
        guard fstat(descriptor, &status) == 0 else {
            throw DTrainError(.inputOutput, "cannot examine \(kind) '\(path)': \(systemMessage()); check its disk")
        }
        let other = FileKind(status)
        guard other == .regular else {
            throw DTrainError(
                .noInput,
                "\(kind) '\(path)' is \(other.name), which is not a regular file; "
                    + (other == .pipe ? "save what it gives to a file and name that" : "name a file"))
        }
        let count = Int(status.st_size)
        self.path = path
        guard count > 0 else {
            bytes = UnsafeRawBufferPointer(start: nil, count: 0)
            return
        }
        guard let address = mmap(nil, count, PROT_READ, MAP_PRIVATE, descriptor, 0), address != MAP_FAILED else {
            throw DTrainError(
                .inputOutput,
                "cannot map \(kind) '\(path)': \(systemMessage()); copy it to a local disk, or free memory")
        }
        bytes = UnsafeRawBufferPointer(start: address, count: count)
    }

    /// Gives the pages of a part of the file back to the page cache; they are there again when touched.
    func release(_ part: UnsafeRawBufferPointer) { Self.release(part) }

    /// Gives the pages of a part of any mapped file back to the page cache.
    static func release(_ part: UnsafeRawBufferPointer) {
        guard let start = part.baseAddress else { return }
        let address = UInt(bitPattern: start)
        let excess = Int(address % UInt(sysconf(Int32(_SC_PAGESIZE))))
        // Advice: where it isn't taken, nothing is lost but memory.
        madvise(UnsafeMutableRawPointer(mutating: start - excess), part.count + excess, MADV_DONTNEED)
    }

    deinit {
        if let address = bytes.baseAddress {
            munmap(UnsafeMutableRawPointer(mutating: address), bytes.count)
        }
    }
}
