import Glibc

/// Zeroed memory for `count` elements, aligned to a cache line and freed with this object.
///
/// Unchecked `Sendable`: workers write disjoint parts of one buffer at the same time, and the
/// caller keeps the parts disjoint.
package final class AlignedBuffer<Element: BitwiseCopyable>: @unchecked Sendable {
    /// The number of elements.
    package let count: Int
    /// The first element, aligned to 64 bytes.
    package let pointer: UnsafeMutablePointer<Element>
    /// The owner of shared memory; nil if this object owns the memory.
    private let owner: AnyObject?
    /// The size of owned memory in bytes.
    private let size: Int

    /// Allocates zeroed memory.
    ///
    /// - Parameters:
    ///   - padding: elements that may be read past the last.
    ///   - isSparse: whether most pages are never written, so that none should be reserved.
    /// - Throws: `DTrainError` with `internal` if memory runs out.
    package init(count: Int, padding: Int = 0, isSparse: Bool = false) throws {
        let (size, overflow) = (max(count, 1) + padding).multipliedReportingOverflow(by: MemoryLayout<Element>.stride)
        guard !overflow, size <= Int.max / 2, let address = Self.allocate(size, isSparse: isSparse) else {
            throw DTrainError(
                .internal,
                "out of memory: no room for \(count) numbers of \(MemoryLayout<Element>.stride) bytes; use a smaller model, batch or sequence length"
            )
        }
        (self.count, self.size, owner) = (count, size, nil)
        pointer = address.bindMemory(to: Element.self, capacity: max(count, 1))
    }

    /// Allocates zeroed memory that the ranks of a host share, or this rank's own if nothing is
    /// shared.
    ///
    /// - Throws: `DTrainError` with `internal` if memory runs out.
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

    /// Maps whole huge pages, which the system clears on first touch; clearing all at once would
    /// delay the start.
    private static func map(_ size: Int, isSparse: Bool) -> UnsafeMutableRawPointer? {
        let flags = MAP_PRIVATE | MAP_ANONYMOUS | (isSparse ? MAP_NORESERVE : 0)
        guard let start = mmap(nil, size + hugePage, PROT_READ | PROT_WRITE, flags, -1, 0), start != MAP_FAILED else {
            return nil
        }
        let before = (hugePage - Int(bitPattern: start) % hugePage) % hugePage
        let address = start + before
        if before > 0 { munmap(start, before) }
        munmap(address + size, hugePage - before)
        // Advisory. Huge pages reduce the products' TLB misses. In sparse memory, one written row
        // shouldn't occupy a huge page.
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
