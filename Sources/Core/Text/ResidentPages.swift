import Glibc
import Synchronization

/// Gives a mapped file's pages back to the page cache now and then, so that they don't add up to the whole file.
///
/// Pages that were read count as the process's own memory until they are given back; to read them again is then a minor fault.
/// About a quarter of the file, or `floor` bytes, count at any time; how much each read adds is an estimate.
final class ResidentPages: Sendable {
    /// A file that is no larger stays.
    static let floor = 16 << 20
    /// What Linux may map around a page that is touched: 64 KiB, and the whole of a large folio.
    private static let faultAround = 512 << 10

    private let file: MappedFile
    private let limit: Int
    private let touched = Atomic(0)

    init(of file: MappedFile, floor: Int = ResidentPages.floor) {
        self.file = file
        limit = max(file.bytes.count / 4, floor)
    }

    /// Notes that some consecutive bytes were read; any thread may.
    ///
    /// - Returns: whether the file's pages were given back.
    @discardableResult
    func touch(_ byteCount: Int) -> Bool {
        guard file.bytes.count > limit else { return false }
        let total = touched.wrappingAdd(byteCount + Self.faultAround, ordering: .relaxed).newValue
        guard total > limit else { return false }
        touched.store(0, ordering: .relaxed)
        release(file.bytes)
        return true
    }

    /// Gives back the pages of a part of the file that starts on a page.
    func release(_ part: UnsafeRawBufferPointer) {
        guard file.bytes.count > limit else { return }
        // Advice: where it isn't taken, nothing is lost but memory.
        madvise(UnsafeMutableRawPointer(mutating: part.baseAddress), part.count, MADV_DONTNEED)
    }
}
