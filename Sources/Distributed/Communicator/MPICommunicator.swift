import CMPI
import DTrainCore
import Glibc

/// All processes that the launcher started, connected by MPI.
///
/// Belongs to the thread that initialized MPI. Errors of MPI are thrown as `MPIError`.
package final class MPICommunicator {
    /// The rank of this process.
    package let rank: Int
    /// The number of processes in the job.
    package let size: Int
    /// The rank of this process on its host.
    package let localRank: Int
    /// The number of the job's processes on this host.
    package let localSize: Int
    /// The processors of this host, and this rank's share of them.
    package let processors: SharedProcessors
    /// The name of this host.
    package let hostName: String
    private let world: cmpi_comm
    private var node: cmpi_comm
    /// Duplicates of the world, one for each kind of transfer, because the orders of the two kinds
    /// are independent.
    private var exchanges: cmpi_comm
    private var gatherings: cmpi_comm
    /// Whether threads take turns on this rank's processors, so that waiting threads must yield.
    package private(set) var isOversubscribed: Bool
    /// The progress of this rank, which the stall watch reads.
    package let heartbeat: Heartbeat
    private let watch: StallWatch
    private var shared: SharedHeartbeats?

    /// The maximum number of elements per call; larger buffers take several calls, because MPI 3
    /// counts in 32 bits.
    private static let chunk = 1 << 30

    /// Wraps `MPI_COMM_WORLD` and splits off the ranks of this host (MPI 3.1 §6.4.2); collective.
    init(watch: StallWatch, observer: Heartbeat.Observer?) throws {
        self.watch = watch
        heartbeat = Heartbeat { [weak watch] heartbeat, position in
            watch?.publishPosition()
            try observer?(heartbeat, position)
        }
        world = cmpi_comm_world()
        try MPIError.check("MPI_Comm_set_errhandler", cmpi_return_errors(world))
        (rank, size) = try Self.rankAndSize(of: world)
        node = cmpi_comm_null()
        // If another rank stops here, the watch ends the job.
        watch.enter("MPI_Comm_split_type")
        try MPIError.check("MPI_Comm_split_type", cmpi_comm_split_shared(world, Int32(clamping: rank), &node))
        try MPIError.check("MPI_Comm_set_errhandler", cmpi_return_errors(node))
        (localRank, localSize) = try Self.rankAndSize(of: node)
        processors = try Self.processors(in: node, count: localSize, localRank: localRank)
        // Until `occupy`, assume one thread per rank.
        isOversubscribed = processors.isOversubscribed(threads: [Int](repeating: 1, count: localSize))
        watch.wait("MPI_Comm_dup")
        exchanges = try Self.copy(of: world)
        gatherings = try Self.copy(of: world)
        hostName = mpiText { cmpi_processor_name($0, $1) } ?? currentHostName()
        watch.wait("MPI_Win_allocate_shared")
        let shared = try SharedHeartbeats(node: node, rank: rank)
        watch.leave()
        let names = try allGather(name)
        let lifeline = try openLifeline(isHostOfRoot: shared.ranks.contains(0))
        watch.attach(heartbeat: heartbeat, shared: shared, lifeline: lifeline, names: names)
        self.shared = shared
        try barrier()
    }

    /// Opens the TCP connections of the watching threads; nil if rank 0 can't listen or is the only
    /// rank.
    ///
    /// Collective.
    private func openLifeline(isHostOfRoot: Bool) throws -> (any Lifeline)? {
        guard size > 1 else { return nil }
        var hosts = LifelineHub.AllowedHosts.thisHost
        if localSize < size {
            // One rank per host reports the addresses that the host's connections come from.
            let own = localRank == 0 ? HostAddress.all.map(\.address) : []
            hosts = .hosts(Set(try allGather(HostAddress.bytes(own)).flatMap(HostAddress.addresses)))
        }
        let hub = isRoot ? LifelineHub(size: size, allowing: hosts) : nil
        guard let address = LifelineAddress(try broadcast(hub?.address.bytes ?? [], from: 0)) else {
            if isRoot { reportWarning("\(name) cannot listen on a TCP port: lost ranks are detected late") }
            return nil
        }
        return hub ?? LifelineSpoke(to: address, rank: rank, isSameHost: isHostOfRoot)
    }

    private static func rankAndSize(of comm: cmpi_comm) throws(MPIError) -> (rank: Int, size: Int) {
        var rank: Int32 = 0
        var size: Int32 = 0
        try MPIError.check("MPI_Comm_rank", cmpi_comm_rank(comm, &rank))
        try MPIError.check("MPI_Comm_size", cmpi_comm_size(comm, &size))
        return (Int(rank), Int(size))
    }

    /// Gathers the affinity masks and CPU quotas of a host's ranks; collective over these ranks.
    private static func processors(
        in node: cmpi_comm, count: Int, localRank: Int
    ) throws(MPIError) -> SharedProcessors {
        let (maskLength, length) = (ProcessorSet.byteCount, ProcessorSet.byteCount + ProcessorQuota.byteCount)
        let own = ProcessorSet.current.bytes + ProcessorQuota.current.bytes
        var all = [UInt8](repeating: 0, count: count * length)
        try MPIError.check("MPI_Allgather", cmpi_allgather_bytes(own, Int32(length), &all, node))
        let parts = (0..<count).map { all[$0 * length..<($0 + 1) * length] }
        return SharedProcessors(
            masks: parts.map { ProcessorSet(bytes: $0.prefix(maskLength)) },
            quotas: parts.map { ProcessorQuota(bytes: $0.dropFirst(maskLength)) }, localRank: localRank)
    }

    /// Duplicates a communicator (MPI 3.1 §6.4.2); collective.
    private static func copy(of comm: cmpi_comm) throws(MPIError) -> cmpi_comm {
        var copy = cmpi_comm_null()
        try MPIError.check("MPI_Comm_dup", cmpi_comm_dup(comm, &copy))
        try MPIError.check("MPI_Comm_set_errhandler", cmpi_return_errors(copy))
        return copy
    }

    /// Frees the communicators derived from `MPI_COMM_WORLD`; collective.
    func release() throws {
        // In these two calls, the watch can still name a rank that stops.
        try collective("MPI_Comm_free") { cmpi_comm_free(&exchanges) }
        try collective("MPI_Comm_free") { cmpi_comm_free(&gatherings) }
        watch.detach()
        watch.enter("MPI_Win_free")
        defer { watch.leave() }
        try shared?.release()
        shared = nil
        try MPIError.check("MPI_Comm_free", cmpi_comm_free(&node))
    }

    /// Runs one collective, timed by the watch.
    private func collective(_ operation: StaticString, _ call: () -> Int32) throws(MPIError) {
        watch.enter(operation)
        defer { watch.leave() }
        try MPIError.check(operation, call())
    }

    /// Waits, after an error of MPI, for the watch to name the rank that caused it and to end the
    /// process.
    func awaitReport(on error: any Error) {
        if error is MPIError { watch.awaitReport() }
    }

    private func count32(_ count: Int) throws -> Int32 {
        guard let count = Int32(exactly: count) else {
            throw DTrainError(.internal, "\(count) bytes exceed MPI's limit of \(Int32.max) for one exchange")
        }
        return count
    }
}

// Documented by the protocol.
extension MPICommunicator: Communicator {
    /// MPI 3.1 §5.3.
    package func barrier() throws {
        try collective("MPI_Barrier") { cmpi_barrier(world) }
    }

    /// MPI 3.1 §5.4; in several calls beyond 1 GiB.
    package func broadcast(_ bytes: UnsafeMutableRawBufferPointer, from root: Int) throws {
        var start = 0
        repeat {
            let count = min(bytes.count - start, Self.chunk)
            try collective("MPI_Bcast") {
                cmpi_bcast_bytes(bytes.baseAddress.map { $0 + start }, Int32(count), Int32(clamping: root), world)
            }
            start += count
        } while start < bytes.count
    }

    /// MPI 3.1 §5.7.
    package func allGather(_ own: UnsafeRawBufferPointer, into all: UnsafeMutableRawBufferPointer) throws {
        precondition(all.count == own.count * size, "room for one piece per rank")
        let count = try count32(own.count)
        try collective("MPI_Allgather") { cmpi_allgather_bytes(own.baseAddress, count, all.baseAddress, world) }
    }

    /// MPI 3.1 §5.7.
    package func allGather(_ own: [UInt8]) throws -> [[UInt8]] {
        let lengths = try allGather(own.count)
        _ = try count32(lengths.reduce(0, +))
        let blocks = try RankBlocks(counts: lengths)
        var all = [UInt8](repeating: 0, count: lengths.reduce(0, +))
        try all.withUnsafeMutableBytes { all in
            try own.withUnsafeBytes { own in
                let count = try count32(own.count)
                try collective("MPI_Allgatherv") {
                    cmpi_allgatherv_bytes(
                        own.baseAddress, count, all.baseAddress, blocks.counts, blocks.displacements, world)
                }
            }
        }
        return (0..<size).map { Array(all[blocks.range(of: $0)]) }
    }

    /// MPI 3.1 §5.9.6, with `MPI_IN_PLACE`; in several calls beyond 2^30 elements.
    package func allReduceSum(inPlace values: UnsafeMutableBufferPointer<Float>) throws {
        var start = 0
        while start < values.count, let base = values.baseAddress {
            let count = min(values.count - start, Self.chunk)
            try collective("MPI_Allreduce") {
                cmpi_allreduce_sum_floats_in_place(base + start, Int32(count), world)
            }
            start += count
        }
    }

    /// MPI 3.1 §5.12.
    package func startAllToAll(
        _ source: UnsafeRawPointer, _ sent: RankBlocks, into destination: UnsafeMutableRawPointer,
        _ received: RankBlocks
    ) throws -> any Transfer {
        precondition(sent.counts.count == size && received.counts.count == size, "a block for each rank")
        watch.countCollective()
        return try MPITransfer("MPI_Ialltoallv", [sent, received]) { counts, request in
            cmpi_ialltoallv_bytes(
                source, counts[0].counts, counts[0].displacements, destination, counts[1].counts,
                counts[1].displacements, exchanges, &request)
        }
    }

    /// MPI 3.1 §5.12, with `MPI_IN_PLACE`.
    package func startAllGather(inPlace bytes: UnsafeMutableRawPointer, _ blocks: RankBlocks) throws -> any Transfer {
        precondition(blocks.counts.count == size, "a block for each rank")
        // Not counted by the watch: a gathering starts only after other ranks' blocks have arrived,
        // so a rank that hasn't started it isn't a straggler.
        return try MPITransfer("MPI_Iallgatherv", [blocks]) { counts, request in
            cmpi_iallgatherv_bytes_in_place(bytes, counts[0].counts, counts[0].displacements, gatherings, &request)
        }
    }

    /// MPI 3.1 §5.7, among the ranks of the host.
    package func occupy(threads: Int) throws {
        isOversubscribed = processors.isOversubscribed(threads: try allGatherOnHost(threads))
    }

    /// MPI 3.1 §5.7, among the ranks of the host.
    package func allGatherOnHost(_ value: Int) throws -> [Int] {
        try allGatherOnHost([Int64(value)]).map { Int($0) }
    }

    /// MPI 3.1 §5.7, among the ranks of the host.
    package func shareMemory(byteCount: Int) throws -> (any HostMemory)? {
        guard size > 1 else { return nil }
        let own = localRank == 0 && localSize > 1 ? SharedHostMemory.Mapping.make(size: byteCount) : nil
        defer { if let own { close(own.descriptor) } }
        let handles = try allGatherOnHost((own?.handle ?? SharedHostMemory.Handle()).words)
        let mapping =
            own?.mapping ?? SharedHostMemory.Mapping.open(.init(words: Array(handles.prefix(3))), size: byteCount)
        // The memory is shared only if all ranks of the host can map it.
        let successes = try allGatherOnHost([mapping == nil ? 0 : 1])
        guard let mapping, !successes.contains(0) else {
            if let mapping { munmap(mapping.address, mapping.size) }
            return SharedHostMemory { [weak self] in self?.watch.countCollective() }
        }
        return SharedHostMemory(mapping, ranks: localSize, index: localRank) { [unowned self] in try barrierOnHost() }
    }

    private func allGatherOnHost(_ own: [Int64]) throws -> [Int64] {
        var all = [Int64](repeating: 0, count: own.count * localSize)
        let bytes = Int32(clamping: own.count * MemoryLayout<Int64>.stride)
        try collective("MPI_Allgather") { cmpi_allgather_bytes(own, bytes, &all, node) }
        return all
    }

    /// Waits until all ranks of the host have called this method (MPI 3.1 §5.12).
    private func barrierOnHost() throws {
        watch.countCollective()
        let barrier = try MPITransfer("MPI_Ibarrier", []) { _, request in cmpi_ibarrier(node, &request) }
        try wait(for: "MPI_Ibarrier") { try barrier.isComplete() }
    }

    /// Polls instead of calling `MPI_Wait`, which spins without yielding.
    package func wait(for operation: StaticString, until isDone: () throws -> Bool) throws {
        watch.wait(operation)
        defer { watch.leave() }
        var attempts = 0
        while try !isDone() {
            guard isOversubscribed else { continue }
            if attempts < Self.yields {
                sched_yield()
                attempts += 1
            } else {
                usleep(Self.sleepMicroseconds)
            }
        }
    }

    /// The number of yields before sleeping; if all ranks wait, the transfer completes before that.
    private static let yields = 200
    /// The microseconds of a sleep while another rank still computes.
    private static let sleepMicroseconds: UInt32 = 100

    /// The microseconds between an error's report and the end of the job.
    private static let abortDelay: UInt32 = 100_000

    /// MPI 3.1 §8.7.
    package func abort(code: Int32, message: String) -> Never {
        watch.announceFailure(code: code)
        // Flush before the launcher closes the pipes.
        fflush(nil)
        reportError(message)
        // MPICH's launcher discards unread output when it ends the job.
        usleep(Self.abortDelay)
        endProcess(code, after: cmpi_abort(world, code))
    }
}

/// MPI handles belong to the thread that initialized MPI.
@available(*, unavailable) extension MPICommunicator: Sendable {}
