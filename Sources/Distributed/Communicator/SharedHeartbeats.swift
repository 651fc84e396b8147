import CMPI
import DTrainCore
import Glibc
import Synchronization

/// The liveness records of this host's ranks, in memory that they share (MPI 3.1 §11.2.3).
///
/// The watching thread reads them without MPI calls. The last record of a killed rank remains.
final class SharedHeartbeats: HostRecords, @unchecked Sendable {
    private typealias Counter = Atomic<Int>

    /// The fields of a rank's cache line.
    private enum Field: Int { case rounds, positionCode, beats, collectives, waited, reported, process }

    /// The ranks of this host.
    let ranks: [Int]
    private let localRank: Int
    private var window: cmpi_window
    private let lines: [UnsafeMutablePointer<Atomic<Int>>]

    /// The size of a cache line; each rank has one, and the first rank's also holds the flag of
    /// `claimReport`.
    private static let bytes: Int32 = 64

    /// Allocates the lines; collective over the ranks of the host.
    init(node: cmpi_comm, rank: Int) throws(MPIError) {
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
        // All ranks have zeroed their lines when this returns.
        try MPIError.check("MPI_Allgather", cmpi_allgather_bytes(&number, 4, &ranks, node))
        var lines: [UnsafeMutablePointer<Counter>] = []
        for local in 0..<localSize {
            var base: UnsafeMutableRawPointer?
            try MPIError.check("MPI_Win_shared_query", cmpi_window_of_rank(window, local, &base))
            if let base { lines.append(base.assumingMemoryBound(to: Counter.self)) }
        }
        self.ranks = ranks.map(Int.init)
        self.localRank = Int(localRank)
        self.window = window
        self.lines = lines
        store(Int(getpid()), .process)
    }

    private func store(_ value: Int, _ field: Field) {
        lines[localRank][field.rawValue].store(value, ordering: .releasing)
    }

    /// Writes this rank's record: the watching thread writes all fields, the training thread all
    /// but `rounds`.
    func publish(_ record: LivenessRecord, withRounds: Bool) {
        store(record.positionCode, .positionCode)
        store(record.beats, .beats)
        store(record.collectives, .collectives)
        // Also by the training thread, because a rank that has just left a collective no longer
        // waits.
        store(record.waited, .waited)
        if withRounds { store(record.rounds, .rounds) }
    }

    /// The records of this host's ranks.
    var records: [LivenessRecord] {
        zip(ranks, lines).map { rank, line in
            func load(_ field: Field) -> Int { line[field.rawValue].load(ordering: .acquiring) }
            return LivenessRecord(
                rank: rank, rounds: load(.rounds), positionCode: load(.positionCode), beats: load(.beats),
                collectives: load(.collectives), waited: load(.waited))
        }
    }

    /// Claims the host's report; returns whether this rank is the first to claim it.
    func claimReport() -> Bool {
        lines[0][Field.reported.rawValue].compareExchange(
            expected: 0, desired: 1, ordering: .acquiringAndReleasing
        ).exchanged
    }

    /// Resumes this host's other ranks with SIGCONT if they are stopped (SIGSTOP).
    func continueStopped() {
        for (index, line) in lines.enumerated() where index != localRank {
            let process = line[Field.process.rawValue].load(ordering: .acquiring)
            if process > 0 { kill(Int32(truncatingIfNeeded: process), SIGCONT) }
        }
    }

    /// Frees the memory; collective over the ranks of the host.
    func release() throws(MPIError) {
        try MPIError.check("MPI_Win_free", cmpi_window_free(&window))
    }
}
