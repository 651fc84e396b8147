import CProcess
import DTrainCore
import Glibc

/// Anonymous memory that the first rank of a host creates and the others map (memfd_create(2)).
///
/// Unlike a file in `/dev/shm` it has no size limit of its own, and it is freed with the last process.
final class SharedHostMemory: HostMemory, @unchecked Sendable {
    /// The first rank's message to the others.
    struct Handle: Sendable {
        /// The process, its descriptor, and a random number at the start of the memory.
        var words: [Int64] = [0, -1, 0]
    }

    let ranks: Int
    let index: Int
    private let address: UnsafeMutableRawPointer?
    private let size: Int
    private let rendezvous: () throws -> Void
    private var used = SharedHostMemory.alignment

    private static let alignment = 64

    /// Maps nothing: every rank allocates its own memory.
    init(rendezvous: @escaping () throws -> Void) {
        (ranks, index, address, size) = (1, 0, nil, 0)
        self.rendezvous = rendezvous
    }

    /// Takes over a mapping.
    init(_ mapping: Mapping, ranks: Int, index: Int, rendezvous: @escaping () throws -> Void) {
        (self.ranks, self.index) = (ranks, index)
        (address, size) = (mapping.address, mapping.size)
        self.rendezvous = rendezvous
    }

    /// Whether the shared memory in files that MPI libraries use, some megabytes a rank, is likely to do.
    static func hasRoom(forRanks ranks: Int) -> Bool {
        var status = statvfs()
        guard access("/dev/shm", W_OK) == 0, statvfs("/dev/shm", &status) == 0 else { return false }
        return UInt64(status.f_bavail) * UInt64(status.f_frsize) >= UInt64(ranks) * 8 << 20
    }

    deinit { if let address { munmap(address, size) } }

    func take(byteCount: Int) -> UnsafeMutableRawPointer? {
        let padded = (max(byteCount, 1) + Self.alignment - 1) / Self.alignment * Self.alignment
        guard let address, padded <= size - used else { return nil }
        defer { used += padded }
        return address + used
    }

    func meet() throws { try rendezvous() }

    /// Memory that other processes can map.
    struct Mapping {
        let address: UnsafeMutableRawPointer
        let size: Int

        /// Creates memory and a handle for other processes; nil where the system refuses.
        static func make(size: Int) -> (mapping: Mapping, handle: Handle, descriptor: Int32)? {
            let descriptor = cprocess_anonymous_file("dtrain")
            guard descriptor >= 0 else { return nil }
            guard ftruncate(descriptor, size) == 0, let mapping = Mapping(descriptor, size: size) else {
                close(descriptor)
                return nil
            }
            let token = Int64.random(in: Int64.min...Int64.max)
            mapping.address.storeBytes(of: token, as: Int64.self)
            return (mapping, Handle(words: [Int64(getpid()), Int64(descriptor), token]), descriptor)
        }

        /// Maps the memory of another process; nil where it can't be reached, as in another container.
        static func open(_ handle: Handle, size: Int) -> Mapping? {
            guard handle.words[1] >= 0 else { return nil }
            let descriptor = Glibc.open("/proc/\(handle.words[0])/fd/\(handle.words[1])", O_RDWR | O_CLOEXEC)
            guard descriptor >= 0 else { return nil }
            defer { close(descriptor) }
            var status = stat()
            // In another container, the same process number is another process.
            guard fstat(descriptor, &status) == 0, status.st_size == size, let mapping = Mapping(descriptor, size: size)
            else { return nil }
            guard mapping.address.load(as: Int64.self) == handle.words[2] else {
                munmap(mapping.address, size)
                return nil
            }
            return mapping
        }

        private init?(_ descriptor: Int32, size: Int) {
            guard let address = mmap(nil, size, PROT_READ | PROT_WRITE, MAP_SHARED, descriptor, 0),
                address != MAP_FAILED
            else { return nil }
            _ = madvise(address, size, MADV_HUGEPAGE)
            (self.address, self.size) = (address, size)
        }
    }
}
