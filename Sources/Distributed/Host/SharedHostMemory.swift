import CProcess
import DTrainCore
import Glibc

/// Anonymous memory that a host's first rank creates and its other ranks map (memfd_create(2)).
///
/// Unlike a file in `/dev/shm`, it has no size limit of its own and is freed when the last process
/// ends.
final class SharedHostMemory: HostMemory, @unchecked Sendable {
    /// The data with which other ranks map the first rank's memory.
    struct Handle: Sendable {
        /// The first rank's process number, its descriptor, and a random number stored at the start
        /// of the memory.
        var words: [Int64] = [0, -1, 0]
    }

    let ranks: Int
    let index: Int
    private let address: UnsafeMutableRawPointer?
    private let size: Int
    private let rendezvous: () throws -> Void
    private var used = SharedHostMemory.alignment

    private static let alignment = 64

    /// Creates an instance without shared memory: every rank allocates its own.
    init(rendezvous: @escaping () throws -> Void) {
        (ranks, index, address, size) = (1, 0, nil, 0)
        self.rendezvous = rendezvous
    }

    /// Takes ownership of a mapping.
    init(_ mapping: Mapping, ranks: Int, index: Int, rendezvous: @escaping () throws -> Void) {
        (self.ranks, self.index) = (ranks, index)
        (address, size) = (mapping.address, mapping.size)
        self.rendezvous = rendezvous
    }

    /// Returns whether `/dev/shm` has room for the shared memory that MPI libraries use, taken as 8
    /// MiB per rank.
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

    func barrier() throws { try rendezvous() }

    /// Memory that other processes can map.
    struct Mapping {
        let address: UnsafeMutableRawPointer
        let size: Int

        /// Creates memory and a handle for other processes; nil if the system refuses.
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

        /// Maps the memory of another process; nil if that can't be reached, as in another
        /// container.
        static func open(_ handle: Handle, size: Int) -> Mapping? {
            guard handle.words[1] >= 0 else { return nil }
            let descriptor = Glibc.open("/proc/\(handle.words[0])/fd/\(handle.words[1])", O_RDWR | O_CLOEXEC)
            guard descriptor >= 0 else { return nil }
            defer { close(descriptor) }
            var status = stat()
            // In another container, the same number belongs to another process.
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
