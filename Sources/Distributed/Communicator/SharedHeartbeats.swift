import CMPI
import Core
import Synchronization

/// How far each rank of this host has come, in memory that they share (MPI 3.1 §11.2.3).
///
/// Every rank counts the collectives it enters; who lags behind is who the others wait for. Reading needs no MPI call,
/// so a thread that may not use MPI can do it.
final class SharedHeartbeats: @unchecked Sendable {
    private typealias Counter = Atomic<Int>

    /// The ranks of this host, by their numbers in the job.
    let ranks: [Int]
    /// The number of ranks in the job.
    let jobSize: Int
    private let localRank: Int
    private var window: cmpi_window
    private let counters: [UnsafeMutablePointer<Atomic<Int>>]

    /// A cache line for each rank: its counter and, of the first rank, the flag of `claimReport`.
    private static let bytes: Int32 = 64

    /// Sets up the counters; collective over the ranks of the host.
    init(node: cmpi_comm, rank: Int, jobSize: Int) throws(MPIError) {
        var localRank: Int32 = 0
        var localSize: Int32 = 0
        try MPIError.check("MPI_Comm_rank", cmpi_comm_rank(node, &localRank))
        try MPIError.check("MPI_Comm_size", cmpi_comm_size(node, &localSize))
        var window = cmpi_window()
        var own: UnsafeMutableRawPointer?
        try MPIError.check("MPI_Win_allocate_shared", cmpi_window_allocate_shared(Self.bytes, node, &own, &window))
        own?.initializeMemory(as: UInt8.self, repeating: 0, count: Int(Self.bytes))
        var ranks = [Int32](repeating: 0, count: Int(localSize))
        var number = Int32(clamping: rank)
        // Nobody returns before all have sent, and all send after zeroing their counters.
        try MPIError.check("MPI_Allgather", cmpi_allgather_bytes(&number, 4, &ranks, node))
        var counters: [UnsafeMutablePointer<Counter>] = []
        for local in 0..<localSize {
            var base: UnsafeMutableRawPointer?
            try MPIError.check("MPI_Win_shared_query", cmpi_window_of_rank(window, local, &base))
            if let base { counters.append(base.assumingMemoryBound(to: Counter.self)) }
        }
        self.ranks = ranks.map(Int.init)
        self.jobSize = jobSize
        self.localRank = Int(localRank)
        self.window = window
        self.counters = counters
    }

    /// Counts a collective that this rank enters.
    func advance() {
        counters[localRank].pointee.add(1, ordering: .releasing)
    }

    /// The ranks of this host that have entered fewer collectives than this one.
    func laggards() -> [Int] {
        let own = counters[localRank].pointee.load(ordering: .acquiring)
        return zip(ranks, counters).filter { $1.pointee.load(ordering: .acquiring) < own }.map(\.0)
    }

    /// Whether this rank is the first of its host to report; the others needn't.
    func claimReport() -> Bool {
        let flag = counters[0] + 1
        return flag.pointee.compareExchange(expected: 0, desired: 1, ordering: .acquiringAndReleasing).exchanged
    }

    /// Gives the memory back; collective over the ranks of the host.
    func release() throws(MPIError) {
        try MPIError.check("MPI_Win_free", cmpi_window_free(&window))
    }
}
