import Glibc

/// A regular file mapped read-only into memory.
///
/// Its pages are read on first access and belong to the page cache.
package final class MappedFile: @unchecked Sendable {
    /// The file's path, as given.
    package let path: String
    /// The file's bytes, valid while this object lives.
    package let bytes: UnsafeRawBufferPointer

    /// Maps a whole file.
    ///
    /// - Parameters:
    ///   - path: the file.
    ///   - kind: the file's role in error messages ("text file", "checkpoint").
    /// - Throws: `DTrainError` with `noInput` if there is no readable regular file at the path,
    ///   `inputOutput` if mapping fails.
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
                    + (other == .pipe ? "save its output to a file and pass that" : "name a file"))
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

    /// Releases the pages of a part of the file from this process until the next access.
    func release(_ part: UnsafeRawBufferPointer) { Self.release(part) }

    /// Releases the pages of a part of any mapped file from this process until the next access.
    static func release(_ part: UnsafeRawBufferPointer) {
        guard let start = part.baseAddress else { return }
        let address = UInt(bitPattern: start)
        let excess = Int(address % UInt(sysconf(Int32(_SC_PAGESIZE))))
        // Advisory: without it, only memory use is higher.
        madvise(UnsafeMutableRawPointer(mutating: start - excess), part.count + excess, MADV_DONTNEED)
    }

    deinit {
        if let address = bytes.baseAddress {
            munmap(UnsafeMutableRawPointer(mutating: address), bytes.count)
        }
    }
}
