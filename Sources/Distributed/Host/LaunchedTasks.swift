import DTrainCore

/// The tasks that a launcher started together, according to its own variables.
///
/// If the launcher doesn't speak the MPI library's protocol, each process finds itself alone, and
/// each of them trains the same model.
package struct LaunchedTasks: Hashable, Sendable {
    /// The launcher's command, such as `srun`.
    package let launcher: String
    /// The number of tasks, more than one.
    package let count: Int
    /// The number of this task, if known.
    package let number: Int?
    /// The name of the variable that holds the number of tasks.
    package let variable: String

    /// The variables of launchers that may start tasks without MPI's knowledge.
    ///
    /// Slurm's are those of a job step. SLURM_NTASKS isn't enough: a batch script and the
    /// shell of `salloc` have it, too, and each is a single process.
    private static let known = [
        (launcher: "srun", size: "SLURM_STEP_NUM_TASKS", rank: "SLURM_PROCID"),
        (launcher: "flux run", size: "FLUX_JOB_SIZE", rank: "FLUX_TASK_RANK"),
        (launcher: "jsrun", size: "JSM_NAMESPACE_SIZE", rank: "JSM_NAMESPACE_RANK"),
        (launcher: "mpirun", size: "MV2_COMM_WORLD_SIZE", rank: "MV2_COMM_WORLD_RANK"),
    ]

    /// Reads the variables; nil if none of them reports several tasks.
    init?(environment: (String) -> String?) {
        func number(_ name: String) -> Int? { environment(name).flatMap { Int($0) } }
        guard let found = Self.known.first(where: { (number($0.size) ?? 0) > 1 }), let count = number(found.size) else {
            return nil
        }
        (launcher, self.count, variable) = (found.launcher, count, found.size)
        self.number = number(found.rank)
    }

    /// Returns the error for a process that MPI finds alone.
    ///
    /// - Parameters:
    ///   - library: the MPI library's name and version.
    ///   - mpirun: the library's own launcher.
    package func error(library: String, mpirun: String) -> DTrainError {
        // Slurm's names for the protocols of the two families of MPI libraries.
        let type =
            library.contains("MPICH") || library.contains("Intel") || library.contains("MVAPICH") ? "pmi2" : "pmix"
        let ways =
            launcher == "srun"
            ? "start with 'srun --mpi=\(type)' ('srun --mpi=list' lists the types) or, in salloc or sbatch, with "
                + "'\(mpirun)'" : "start with '\(mpirun)'"
        return DTrainError(
            .usage,
            "\(launcher) started \(count) tasks but MPI ('\(library)') sees one: \(count) trainings of the same model; "
                + "\(ways); for separate trainings, unset \(variable)")
    }
}
