import CMPI
import DTrainCore
import Glibc

/// MPI in this process, from initialization to finalization; created once, before any
/// communication.
///
/// Call `finish()` only after success. After an error the other ranks may be inside a collective,
/// and finalization would wait for them forever; call `Communicator.abort` instead.
package struct MPIEnvironment: ~Copyable {
    /// A level of thread support (MPI 3.1 §12.4.3), in ascending order.
    package enum ThreadLevel: Int, Comparable, Sendable, CaseIterable {
        case single, funneled, serialized, multiple

        /// Returns whether the left level allows less than the right one.
        package static func < (left: ThreadLevel, right: ThreadLevel) -> Bool { left.rawValue < right.rawValue }

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
    package let world: MPICommunicator
    private let watch: StallWatch

    /// Initializes MPI (MPI 3.1 §12.4.3); collective over all processes that the launcher started.
    ///
    /// - Parameters:
    ///   - launch: the launcher's environment.
    ///   - required: the minimum thread level. With `funneled`, only the calling thread may
    ///     communicate.
    ///   - stallTimeout: the number of seconds that a collective may wait before the job ends; nil
    ///     for no limit.
    ///   - observer: called before each phase of the training.
    /// - Throws: `MPIError`; `DTrainError` with `internal` if MPI is initialized already or grants
    ///   a lower level, with `usage` if the launcher belongs to another MPI library. The watching
    ///   thread has then ended.
    package init(
        launch: LaunchEnvironment, requiring required: ThreadLevel = .funneled, stallTimeout: Int? = nil,
        observer: Heartbeat.Observer? = nil
    ) throws {
        var initialized: Int32 = 0
        try MPIError.check("MPI_Initialized", cmpi_initialized(&initialized))
        guard initialized == 0 else {
            throw DTrainError(.internal, "MPI is initialized already; initialize it once per process")
        }
        if launch.isOversubscribed {
            // Spinning would starve the rank that others wait for. Settings by the user take
            // precedence. Open MPI:
            setenv("OMPI_MCA_mpi_yield_when_idle", "1", 0)
            // MPICH yields by default, but only after spinning a thousand times.
            setenv("MPIR_CVAR_POLLS_BEFORE_YIELD", "1", 0)
        }
        if launch.isOnOneHost, SharedHostMemory.hasRoom(forRanks: launch.size ?? 64) {
            // Open MPI's network transports listen for connections, and unrelated ones use up this
            // process's descriptors. Ranks on one host don't need these transports.
            setenv("OMPI_MCA_btl", "self,vader", 0)
        }
        let watch = try StallWatch(rank: launch.rank ?? 0, size: launch.size ?? 1, seconds: stallTimeout)
        let world = Result { try Self.connect(launch, required, watch, observer) }
        if case .failure = world { watch.stop() }
        (self.world, self.watch) = (try world.get(), watch)
    }

    /// Initializes MPI and connects the ranks; collective.
    private static func connect(
        _ launch: LaunchEnvironment, _ required: ThreadLevel, _ watch: StallWatch, _ observer: Heartbeat.Observer?
    ) throws -> MPICommunicator {
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
        if world.size == 1 { try launch.tasks?.refuse() }
        if let size = launch.size, size != world.size {
            throw DTrainError(
                .usage,
                "the launcher started \(size) processes but MPI sees \(world.size): it belongs to another MPI than "
                    + "'\(libraryVersion)'; start dtrain with that library's own '\(launcher)'")
        }
        return world
    }

    /// Finalizes MPI (MPI 3.1 §8.7); collective, and the last use of MPI.
    package consuming func finish() throws {
        try world.release()
        watch.enter("MPI_Finalize")
        try MPIError.check("MPI_Finalize", cmpi_finalize())
        watch.stop()
    }

    /// The path of the MPI library's own launcher; only its name if it isn't found near the
    /// library.
    package static var launcher: String {
        // The path of the mapped library, from lines of `address … path`.
        let mapped = (SystemFile.text("/proc/self/maps") ?? "").split(separator: "\n").lazy
            .compactMap { line in line.firstIndex(of: "/").map { line[$0...] } }
            .first { $0.split(separator: "/").last?.hasPrefix("libmpi") == true }
        let names =
            libraryVersion.contains("Open MPI")
            ? ["mpirun.openmpi", "mpirun"] : ["mpiexec.mpich", "mpiexec.hydra", "mpiexec", "mpirun"]
        var folder = mapped ?? ""
        while let slash = folder.lastIndex(of: "/") {
            folder = folder[..<slash]
            for name in names where access("\(folder)/bin/\(name)", X_OK) == 0 { return "\(folder)/bin/\(name)" }
        }
        return names[0]
    }

    /// The name and version of the MPI library, in one line.
    package static var libraryVersion: String {
        let text = mpiText { cmpi_library_version($0, $1) } ?? "unknown MPI"
        return String(text.prefix { !$0.isNewline && $0 != "," }.map { $0 == "\t" ? " " : $0 })
    }
}
