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
    /// The bytes of its own memory.
    private let size: Int

    /// Allocates zeroed memory.
    ///
    /// - Parameters:
    ///   - behind: elements that can be read behind the last.
    ///   - isSparse: whether most pages are never written, and so should take no memory.
    /// - Throws: `DTrainError` with `internal` when memory is exhausted.
    package init(count: Int, behind: Int = 0, isSparse: Bool = false) throws {
        let (size, overflow) = (max(count, 1) + behind).multipliedReportingOverflow(by: MemoryLayout<Element>.stride)
        guard !overflow, size <= Int.max / 2, let address = Self.allocate(size, isSparse: isSparse) else {
            throw DTrainError(
                .internal,
                "out of memory: no room for \(count) numbers of \(MemoryLayout<Element>.stride) bytes; use a smaller model, batch or sequence length"
            )
        }
        (self.count, self.size, owner) = (count, size, nil)
        pointer = address.bindMemory(to: Element.self, capacity: max(count, 1))
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
        (self.count, self.pointer, self.owner, size) = (count, pointer, owner, 0)
    }

    private static func allocate(_ size: Int, isSparse: Bool) -> UnsafeMutableRawPointer? {
        if isLarge(size) { return map(padded(size, to: hugePage), isSparse: isSparse) }
        let size = padded(size, to: 64)
        var address: UnsafeMutableRawPointer?
        guard posix_memalign(&address, 64, size) == 0, let address else { return nil }
        memset(address, 0, size)
        return address
    }

    /// Maps whole huge pages, which the system clears when a worker first touches them: all at once would delay the start.
    private static func map(_ size: Int, isSparse: Bool) -> UnsafeMutableRawPointer? {
        let flags = MAP_PRIVATE | MAP_ANONYMOUS | (isSparse ? MAP_NORESERVE : 0)
        guard let start = mmap(nil, size + hugePage, PROT_READ | PROT_WRITE, flags, -1, 0), start != MAP_FAILED else {
            return nil
        }
        let before = (hugePage - Int(bitPattern: start) % hugePage) % hugePage
        let address = start + before
        if before > 0 { munmap(start, before) }
        munmap(address + size, hugePage - before)
        // Advisory. With huge pages the products' operands take a fraction of the address translations; of sparse memory one written
        // row shouldn't take a whole one.
        madvise(address, size, isSparse ? MADV_NOHUGEPAGE : MADV_HUGEPAGE)
        return address
    }

    private static func release(_ address: UnsafeMutableRawPointer, _ size: Int) {
        if isLarge(size) { munmap(address, padded(size, to: hugePage)) } else { free(address) }
    }

    private static func isLarge(_ size: Int) -> Bool { size >= 2 * hugePage }

    private static func padded(_ size: Int, to unit: Int) -> Int { (size + unit - 1) / unit * unit }

    /// Bytes of a huge page on x86-64.
    private static var hugePage: Int { 2 << 20 }

    deinit {
        if owner == nil { Self.release(pointer, size) }
    }

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
