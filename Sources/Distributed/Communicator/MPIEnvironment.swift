import CMPI
import DTrainCore
import Glibc

/// The owner of MPI in this process: created once, before any communication, and finished on the success path alone.
///
/// After an error the other ranks may be inside a collective, where finalising would wait for ever: drop the
/// environment without `finish()` and call `Communicator.abort`.
public struct MPIEnvironment: ~Copyable {
    /// What threads may do with MPI (MPI 3.1 §12.4.3), in rising order.
    public enum ThreadLevel: Int, Comparable, Sendable, CaseIterable {
        case single, funneled, serialized, multiple

        /// Whether the left level allows less than the right.
        public static func < (left: ThreadLevel, right: ThreadLevel) -> Bool { left.rawValue < right.rawValue }

        var code: Int32 {
            switch self {
            case .single: cmpi_thread_single()
            case .funneled: cmpi_thread_funneled()
            case .serialized: cmpi_thread_serialized()
            case .multiple: cmpi_thread_multiple()
            }
        }
    }

    /// All processes of the job.
    public let world: MPICommunicator
    private let watch: StallWatch

    /// Initialises MPI (MPI 3.1 §12.4.3); collective over all processes that the launcher started.
    ///
    /// - Parameters:
    ///   - launch: what the launcher told.
    ///   - required: the least thread level to go on with. With `funneled` only the thread that
    ///     calls this may communicate.
    ///   - stallTimeout: the seconds that a collective may wait before the job ends; nil for no limit.
    ///   - observer: is told of each phase of the training before it begins.
    /// - Throws: `MPIError`; `DTrainError` with `internal` when MPI is initialised already or grants less, with `usage`
    ///   when the launcher belongs to another MPI.
    public init(
        launch: LaunchEnvironment, requiring required: ThreadLevel = .funneled, stallTimeout: Int? = nil,
        observer: Heartbeat.Observer? = nil
    ) throws {
        var initialized: Int32 = 0
        try MPIError.check("MPI_Initialized", cmpi_initialized(&initialized))
        guard initialized == 0 else { throw DTrainError(.internal, "MPI is initialised already; do so once a process") }
        if launch.isOversubscribed {
            // A library that spins while it waits starves the rank that it waits for. The user's own settings stand.
            // Open MPI:
            setenv("OMPI_MCA_mpi_yield_when_idle", "1", 0)
            // MPICH yields by itself, but spins a thousand times before.
            setenv("MPIR_CVAR_POLLS_BEFORE_YIELD", "1", 0)
        }
        let watch = try StallWatch(rank: launch.rank ?? 0, size: launch.size ?? 1, seconds: stallTimeout)
        var code: Int32 = 0
        watch.enter("MPI_Init_thread")
        try MPIError.check("MPI_Init_thread", cmpi_init_thread(required.code, &code))
        watch.leave()
        let provided = ThreadLevel.allCases.first { $0.code == code } ?? .single
        guard provided >= required else {
            throw DTrainError(
                .internal, "MPI grants thread level \(provided), \(required) is needed; use another MPI library")
        }
        let world = try MPICommunicator(watch: watch, observer: observer)
        if let size = launch.size, size != world.size {
            throw DTrainError(
                .usage,
                "the launcher started \(size) processes but MPI sees \(world.size): it belongs to another MPI than "
                    + "'\(Self.libraryVersion)'; start dtrain with that library's own mpirun")
        }
        (self.world, self.watch) = (world, watch)
    }

    /// Leaves MPI (MPI 3.1 §8.7); collective, and the last thing that the job does with MPI.
    public consuming func finish() throws {
        try world.release()
        watch.enter("MPI_Finalize")
        try MPIError.check("MPI_Finalize", cmpi_finalize())
        watch.stop()
    }

    /// The name and version of the MPI library, one line.
    public static var libraryVersion: String {
        let text = mpiText { cmpi_library_version($0, $1) } ?? "unknown MPI"
        return String(text.prefix { !$0.isNewline && $0 != "," }.map { $0 == "\t" ? " " : $0 })
    }
}
