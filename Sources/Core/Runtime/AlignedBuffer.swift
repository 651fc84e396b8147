import Glibc

/// Zeroed memory for `count` elements that starts on a cache line, owned by this object.
///
/// Workers write disjoint parts of one buffer at the same time; who writes which part is up to the caller, which is why the
/// type is `Sendable` without the compiler's proof.
package final class AlignedBuffer<Element: BitwiseCopyable>: @unchecked Sendable {
    /// Elements.
    package let count: Int
    /// The first element; on a cache line of 64 bytes.
    package let pointer: UnsafeMutablePointer<Element>
    /// Whose memory it is; nil for its own.
    private let owner: AnyObject?

    /// Allocates zeroed memory.
    ///
    /// - Parameter behind: elements that can be read behind the last.
    /// - Throws: `DTrainError` with `internal` when memory is exhausted.
    package init(count: Int, behind: Int = 0) throws {
        let (size, overflow) = (max(count, 1) + behind).multipliedReportingOverflow(by: MemoryLayout<Element>.stride)
        guard !overflow, size <= Int.max / 2, let address = Self.allocate(size) else { throw Self.outOfMemory(count) }
        self.count = count
        pointer = address.bindMemory(to: Element.self, capacity: max(count, 1))
        owner = nil
    }

    /// Allocates memory whose elements are undefined; pages that are never written take none.
    ///
    /// - Throws: `DTrainError` with `internal` when the process may have no more addresses.
    package init(undefined count: Int) throws {
        let (size, overflow) = max(count, 1).multipliedReportingOverflow(by: MemoryLayout<Element>.stride)
        guard !overflow, size <= Int.max / 2, let address = Self.reserve(size) else { throw Self.outOfMemory(count) }
        self.count = count
        pointer = address.bindMemory(to: Element.self, capacity: max(count, 1))
        owner = nil
    }

    /// Zeroed memory that the ranks of a host share, or else this rank's own.
    ///
    /// - Throws: `DTrainError` with `internal` when memory is exhausted.
    convenience init(count: Int, in host: (any HostMemory)?) throws {
        let stride = MemoryLayout<Element>.stride
        guard let host, count <= Int.max / stride, let address = host.take(byteCount: count * stride) else {
            try self.init(count: count)
            return
        }
        self.init(count: count, at: address.bindMemory(to: Element.self, capacity: max(count, 1)), of: host)
    }

    private init(count: Int, at pointer: UnsafeMutablePointer<Element>, of owner: AnyObject) {
        (self.count, self.pointer, self.owner) = (count, pointer, owner)
    }

    private static func outOfMemory(_ count: Int) -> DTrainError {
        DTrainError(
            .internal,
            "out of memory: no room for \(count) numbers of \(MemoryLayout<Element>.stride) bytes; use a smaller model, batch or sequence length"
        )
    }

    private static func reserve(_ size: Int) -> UnsafeMutableRawPointer? {
        var address: UnsafeMutableRawPointer?
        guard posix_memalign(&address, page, size) == 0, let address else { return nil }
        // Advisory: one written row shouldn't take a huge page.
        if size >= page { _ = madvise(address, size / page * page, MADV_NOHUGEPAGE) }
        return address
    }

    private static func allocate(_ size: Int) -> UnsafeMutableRawPointer? {
        let isLarge = size >= 2 * hugePage
        let alignment = isLarge ? hugePage : 64
        let padded = (size + alignment - 1) / alignment * alignment
        var address: UnsafeMutableRawPointer?
        guard posix_memalign(&address, alignment, padded) == 0, let address else { return nil }
        // Only a wish: with huge pages the products' operands take a fraction of the address translations.
        if isLarge { _ = madvise(address, padded, MADV_HUGEPAGE) }
        memset(address, 0, padded)
        return address
    }

    /// Bytes of a page on x86-64.
    private static var page: Int { 4096 }

    /// Bytes of a huge page on x86-64.
    private static var hugePage: Int { 2 << 20 }

    deinit { if owner == nil { free(pointer) } }

    /// All elements.
    package var elements: UnsafeMutableBufferPointer<Element> {
        UnsafeMutableBufferPointer(start: pointer, count: count)
    }

    /// An element; the index is not checked.
    package subscript(index: Int) -> Element {
        get { pointer[index] }
        set { pointer[index] = newValue }
    }
}
