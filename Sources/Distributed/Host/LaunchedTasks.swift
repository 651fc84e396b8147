import DTrainCore

/// The tasks that a launcher has started together, according to its own variables.
///
/// A launcher that doesn't speak the MPI library's protocol starts processes that each see themselves alone: as many trainings of
/// the same model as there are tasks.
package struct LaunchedTasks: Hashable, Sendable {
    /// The launcher, as the user calls it.
    package let launcher: String
    /// The number of tasks, more than one.
    package let count: Int
    /// The number of this one, if known.
    package let number: Int?
    /// The variable that says how many there are.
    package let variable: String

    /// The variables of launchers that may start tasks without MPI's knowledge.
    ///
    /// Those of Slurm's steps only: a batch script and the shell of `salloc` have SLURM_NTASKS, too, and are one process.
    private static let known = [
        (launcher: "srun", size: "SLURM_STEP_NUM_TASKS", rank: "SLURM_PROCID"),
        (launcher: "flux run", size: "FLUX_JOB_SIZE", rank: "FLUX_TASK_RANK"),
        (launcher: "jsrun", size: "JSM_NAMESPACE_SIZE", rank: "JSM_NAMESPACE_RANK"),
        (launcher: "mpirun", size: "MV2_COMM_WORLD_SIZE", rank: "MV2_COMM_WORLD_RANK"),
    ]

    /// Reads the variables; nil where none says that there are several tasks.
    init?(environment: (String) -> String?) {
        func number(_ name: String) -> Int? { environment(name).flatMap { Int($0) } }
        guard let found = Self.known.first(where: { (number($0.size) ?? 0) > 1 }), let count = number(found.size) else {
            return nil
        }
        (launcher, self.count, variable) = (found.launcher, count, found.size)
        self.number = number(found.rank)
    }

    /// The error for a process that MPI sees alone.
    ///
    /// - Parameters:
    ///   - library: the MPI library's name and version.
    ///   - mpirun: the library's own launcher.
    package func error(library: String, mpirun: String) -> DTrainError {
        // What Slurm calls the protocols of the two families of libraries.
        let type =
            library.contains("MPICH") || library.contains("Intel") || library.contains("MVAPICH") ? "pmi2" : "pmix"
        let ways =
            launcher == "srun"
            ? "start with 'srun --mpi=\(type)' ('srun --mpi=list' shows what there is) or, in salloc or sbatch, with "
                + "'\(mpirun)'" : "start with '\(mpirun)'"
        return DTrainError(
            .usage,
            "\(launcher) started \(count) tasks but MPI ('\(library)') sees one: \(count) trainings of the same model; "
                + "\(ways); for trainings on their own unset \(variable)")
    }
}
