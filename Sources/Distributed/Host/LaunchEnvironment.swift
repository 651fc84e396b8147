import DTrainCore
import Glibc

/// A description of the job by its launcher (mpirun, srun), read from environment variables before
/// MPI is initialized.
///
/// A process without a launcher doesn't initialize MPI, because that takes a third of a second.
package struct LaunchEnvironment: Hashable, Sendable {
    /// Whether a launcher started this process as part of an MPI job.
    package let usesMPI: Bool
    /// The number of processes in the job, if known.
    package let size: Int?
    /// This process's rank in the job, if known.
    package let rank: Int?
    /// This process's rank among those on its host, if known.
    package let localRank: Int?
    /// The number of the job's processes on this host, if known.
    package let localSize: Int?
    /// The tasks that other launchers' variables report, which MPI may not connect.
    package let tasks: LaunchedTasks?
    /// Whether all of the job's processes are known to be on this host.
    package let isOnOneHost: Bool
    /// An estimate of the number of processors that the processes on this host share.
    private let hostProcessors: Int

    /// Reads the variables of Open MPI, PMIx (Slurm's `--mpi=pmix`), and PMI (MPICH, Slurm's
    /// `--mpi=pmi2`).
    ///
    /// Slurm's own variables don't count, because a batch script has them too. See `LaunchedTasks`.
    ///
    /// - Parameters:
    ///   - environment: looks up a variable.
    ///   - allowedProcessors: the number of processors in the affinity mask.
    ///   - onlineProcessors: the number of processors of the host.
    package init(environment: (String) -> String?, allowedProcessors: Int, onlineProcessors: Int) {
        func number(_ names: String...) -> Int? {
            for name in names {
                if let value = environment(name).flatMap({ Int($0) }), value >= 0 { return value }
            }
            return nil
        }
        size = number("OMPI_COMM_WORLD_SIZE", "PMI_SIZE")
        rank = number("OMPI_COMM_WORLD_RANK", "PMI_RANK", "PMIX_RANK")
        usesMPI = size != nil || number("PMIX_RANK", "PMI_RANK") != nil
        localRank = number("OMPI_COMM_WORLD_LOCAL_RANK", "MPI_LOCALRANKID")
        localSize = number("OMPI_COMM_WORLD_LOCAL_SIZE", "MPI_LOCALNRANKS")
        tasks = LaunchedTasks(environment: environment)
        // With `srun --mpi=pmix`, only Slurm's variables say whether there is one host.
        isOnOneHost = size != nil ? size == localSize : usesMPI && number("SLURM_STEP_NUM_NODES") == 1
        // A rank that Open MPI has bound sees only its own processors.
        hostProcessors = number("OMPI_MCA_orte_bound_at_launch") == 1 ? onlineProcessors : allowedProcessors
    }

    /// The launch environment of this process.
    package static var current: LaunchEnvironment {
        let online = max(1, sysconf(Int32(_SC_NPROCESSORS_ONLN)))
        let quota = ProcessorQuota.current.processors.map(ProcessorQuota.threads) ?? online
        return LaunchEnvironment(
            environment: { name in getenv(name).map { String(cString: $0) } },
            allowedProcessors: min(quota, ProcessorSet.current.count), onlineProcessors: min(quota, online))
    }

    /// Whether the processes on this host seem to outnumber its processors.
    ///
    /// This estimate serves settings that MPI reads when it is initialized. Later decisions use the
    /// affinity masks of all ranks on the host, see `SharedProcessors`.
    package var isOversubscribed: Bool { (localSize ?? 1) > hostProcessors }
}
