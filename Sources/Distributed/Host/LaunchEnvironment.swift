import Glibc

/// What the process's launcher (mpirun, srun) says about the job, in environment variables, before MPI is initialised.
///
/// A process that no launcher started doesn't initialise MPI at all, which would cost a third of a second.
public struct LaunchEnvironment: Hashable, Sendable {
    /// Whether a launcher started this process as part of an MPI job.
    public let usesMPI: Bool
    /// The number of processes in the job, if told.
    public let size: Int?
    /// This process's number in the job, if told.
    public let rank: Int?
    /// This process's number among those of its host, if told.
    public let localRank: Int?
    /// The number of the job's processes on this host, if told.
    public let localSize: Int?
    /// The processors that the processes of this host share, as far as this process alone can tell.
    private let hostProcessors: Int

    /// Reads the variables of Open MPI, PMIx (Slurm's `--mpi=pmix`), and PMI (MPICH, Slurm's `--mpi=pmi2`).
    ///
    /// Slurm's own variables don't count: a batch script has them too, without being an MPI process.
    ///
    /// - Parameters:
    ///   - environment: looks up a variable.
    ///   - allowedProcessors: the size of the affinity mask.
    ///   - onlineProcessors: the processors of the host.
    public init(environment: (String) -> String?, allowedProcessors: Int, onlineProcessors: Int) {
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
        // A rank that Open MPI has bound sees its own processors alone; the host's ranks together have more.
        hostProcessors = number("OMPI_MCA_orte_bound_at_launch") == 1 ? onlineProcessors : allowedProcessors
    }

    /// This process's launcher.
    public static var current: LaunchEnvironment {
        let online = max(1, sysconf(Int32(_SC_NPROCESSORS_ONLN)))
        return LaunchEnvironment(
            environment: { name in getenv(name).map { String(cString: $0) } },
            allowedProcessors: ProcessorSet.current.count, onlineProcessors: online)
    }

    /// Whether the processes of this host seem to outnumber its processors.
    ///
    /// A guess, since MPI has to be told before it is initialised. What is decided afterwards rests on the masks of all ranks of
    /// the host, see `SharedProcessors`.
    public var isOversubscribed: Bool { (localSize ?? 1) > hostProcessors }
}
