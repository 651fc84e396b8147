import DistributedTesting
import Testing

/// Tasks that a launcher started together but that MPI doesn't connect.
struct LauncherTaskTests {
    private func train(_ environment: [String: String]) throws -> (Bench, MPIRun.Outcome) {
        let bench = try Bench()
        return (bench, try bench.run(Bench.train("--max-steps 2 --quiet"), environment: environment))
    }

    @Test(arguments: [
        (["SLURM_STEP_NUM_TASKS": "4", "SLURM_PROCID": "0"], "SLURM_STEP_NUM_TASKS", "srun started 4 tasks"),
        (["FLUX_JOB_SIZE": "2", "FLUX_TASK_RANK": "0"], "FLUX_JOB_SIZE", "flux run started 2 tasks"),
        (["JSM_NAMESPACE_SIZE": "8", "JSM_NAMESPACE_RANK": "0"], "JSM_NAMESPACE_SIZE", "jsrun started 8 tasks"),
    ])
    func unconnectedTasksAreRejected(
        environment: [String: String], variable: String, cause: String
    ) throws {
        let (bench, outcome) = try train(environment)
        expectRejected(outcome, 64, cause, "start with '", "unset \(variable)")
        #expect(!bench.exists("training_checkpoints"))
    }

    /// Under PMIx of another MPI library, MPI initializes but reports a single process.
    @Test func tasksUnderAnotherLibrarysPMIxAreRejected() throws {
        let (_, outcome) = try train(["SLURM_STEP_NUM_TASKS": "4", "SLURM_PROCID": "0", "PMIX_RANK": "0"])
        expectRejected(outcome, 64, "srun started 4 tasks")
    }

    @Test func onlyTheFirstTaskPrintsTheError() throws {
        let (bench, outcome) = try train(["SLURM_STEP_NUM_TASKS": "4", "SLURM_PROCID": "3"])
        #expect(outcome.status == 64 && outcome.stderr.isEmpty, "\(outcome)")
        #expect(!bench.exists("training_checkpoints"))
    }

    /// Single-task environments: the shell of `salloc`, a batch script, and a step of one task.
    @Test(arguments: [
        ["SLURM_NTASKS": "8", "SLURM_NPROCS": "8", "SLURM_PROCID": "0", "SLURM_JOB_ID": "1"],
        ["SLURM_NTASKS": "8", "SLURM_STEP_NUM_TASKS": "1", "SLURM_STEP_ID": "4294967290"],
    ])
    func aSingleTaskInAnAllocationTrainsAlone(environment: [String: String]) throws {
        let (_, outcome) = try train(environment)
        #expect(outcome.status == 0, "\(outcome)")
    }

    /// `mpirun` inside an allocation or a step overrides Slurm's variables.
    @Test(.enabled(if: MPIRun.isAvailable, "mpirun isn't installed"))
    func mpirunInsideAnAllocationSetsTheNumberOfRanks() throws {
        let bench = try Bench()
        let outcome = try bench.run(
            Bench.train("--max-steps 2"), on: .ranks(2),
            environment: ["SLURM_NTASKS": "8", "SLURM_STEP_NUM_TASKS": "2"])
        #expect(outcome.status == 0 && outcome.stdout.contains("2 ranks"), "\(outcome)")
    }
}
