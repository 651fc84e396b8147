import Glibc
import Synchronization

/// Releases pages of mapped files to the page cache, so that not all of the files become resident.
///
/// Pages that were read count as memory of the process until they are released; reading them again
/// is then a minor page fault. About a quarter of the files, or `floor` bytes, stays resident. The
/// number of pages that a read adds is an estimate.
final class ResidentPages: Sendable {
    /// Files up to this total size in bytes are never released.
    static let floor = 16 << 20
    /// The number of bytes that Linux may map around a touched page: 64 KiB, or a whole large
    /// folio.
    private static let faultAround = 512 << 10

    private let files: [MappedFile]
    private let total: Int
    private let limit: Int
    private let touched = Atomic(0)

    init(of files: [MappedFile], floor: Int = ResidentPages.floor) {
        self.files = files
        total = files.reduce(0) { $0 + $1.bytes.count }
        limit = max(total / 4, floor)
    }

    /// Records that consecutive bytes were read; safe to call from any thread.
    ///
    /// - Returns: whether the files' pages were released.
    @discardableResult
    func touch(_ byteCount: Int) -> Bool {
        guard total > limit else { return false }
        let sum = touched.wrappingAdd(byteCount + Self.faultAround, ordering: .relaxed).newValue
        guard sum > limit else { return false }
        touched.store(0, ordering: .relaxed)
        for file in files { file.release(file.bytes) }
        return true
    }

    /// Releases the pages that hold these bytes of a part.
    func release(_ bytes: UnsafeRawBufferPointer, of part: TextPart) {
        guard total > limit, part.isMapped else { return }
        MappedFile.release(bytes)
    }
}
