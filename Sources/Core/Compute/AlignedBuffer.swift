import Glibc

/// Zeroed memory for `count` elements that starts on a cache line, owned by this object.
///
/// Workers write disjoint parts of one buffer at the same time; who writes which part is up to the caller, which is why the
/// type is `Sendable` without the compiler's proof.
public final class AlignedBuffer<Element: BitwiseCopyable>: @unchecked Sendable {
    /// Elements.
    public let count: Int
    /// The first element; on a cache line of 64 bytes.
    public let pointer: UnsafeMutablePointer<Element>

    /// Allocates zeroed memory.
    ///
    /// - Throws: `DTrainError` with `internal` when memory is exhausted.
    public init(count: Int) throws {
        let (size, overflow) = max(count, 1).multipliedReportingOverflow(by: MemoryLayout<Element>.stride)
        var address: UnsafeMutableRawPointer?
        guard !overflow, size <= Int.max / 2, posix_memalign(&address, 64, (size + 63) / 64 * 64) == 0, let address
        else {
            throw DTrainError(
                .internal,
                "out of memory: no room for \(count) numbers of \(MemoryLayout<Element>.stride) bytes; use a smaller model, batch or sequence length"
            )
        }
        memset(address, 0, (size + 63) / 64 * 64)
        self.count = count
        pointer = address.bindMemory(to: Element.self, capacity: max(count, 1))
    }

    deinit { free(pointer) }

    /// All elements.
    public var elements: UnsafeMutableBufferPointer<Element> {
        UnsafeMutableBufferPointer(start: pointer, count: count)
    }

    /// An element; the index is not checked.
    public subscript(index: Int) -> Element {
        get { pointer[index] }
        set { pointer[index] = newValue }
    }
}
