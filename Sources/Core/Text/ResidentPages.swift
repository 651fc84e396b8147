import Glibc
import Synchronization

/// Gives mapped files' pages back to the page cache now and then, so that they don't add up to all of the files.
///
/// Pages that were read count as the process's own memory until they are given back; to read them again is then a minor fault.
/// About a quarter of the files, or `floor` bytes, count at any time; how much each read adds is an estimate.
final class ResidentPages: Sendable {
    /// Files that are no larger together stay.
    static let floor = 16 << 20
    /// What Linux may map around a page that is touched: 64 KiB, and the whole of a large folio.
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

    /// Notes that some consecutive bytes were read; any thread may.
    ///
    /// - Returns: whether the files' pages were given back.
    @discardableResult
    func touch(_ byteCount: Int) -> Bool {
        guard total > limit else { return false }
        let sum = touched.wrappingAdd(byteCount + Self.faultAround, ordering: .relaxed).newValue
        guard sum > limit else { return false }
        touched.store(0, ordering: .relaxed)
        for file in files { file.release(file.bytes) }
        return true
    }

    /// Gives back the pages of bytes of a part.
    func release(_ bytes: UnsafeRawBufferPointer, of part: TextPart) {
        guard total > limit, part.isMapped else { return }
        MappedFile.release(bytes)
    }
}
