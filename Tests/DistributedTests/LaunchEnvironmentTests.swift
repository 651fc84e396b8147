import DTrainDistributed
import Testing

@Suite struct LaunchEnvironmentTests {
    private func launch(_ variables: [String: String], allowed: Int = 8, online: Int = 8) -> LaunchEnvironment {
        LaunchEnvironment(environment: { variables[$0] }, allowedProcessors: allowed, onlineProcessors: online)
    }

    @Test func aPlainStartUsesNoMPI() {
        #expect(!launch([:]).usesMPI)
        #expect(launch([:]).size == nil)
    }

    @Test(arguments: [
        ["OMPI_COMM_WORLD_SIZE": "4", "OMPI_COMM_WORLD_LOCAL_RANK": "1", "OMPI_COMM_WORLD_LOCAL_SIZE": "2"],
        ["PMI_SIZE": "4", "PMI_RANK": "3", "MPI_LOCALRANKID": "1", "MPI_LOCALNRANKS": "2"],
    ])
    func sizeAndLocalRankAreReadFromTheLauncher(variables: [String: String]) {
        let launch = launch(variables)
        #expect(launch.usesMPI)
        #expect(launch.size == 4)
        #expect(launch.localRank == 1)
        #expect(launch.localSize == 2)
    }

    @Test func aPMIxVariableAloneMeansMPI() {
        #expect(launch(["PMIX_RANK": "0"]).usesMPI)
        #expect(launch(["PMIX_RANK": "0"]).size == nil)
    }

    @Test func aSlurmBatchScriptIsNotAnMPIProcess() {
        #expect(!launch(["SLURM_PROCID": "0", "SLURM_NTASKS": "4", "SLURM_LOCALID": "0"]).usesMPI)
    }

    @Test func srunTasksAreDetectedWithoutMPI() throws {
        let launch = launch(["SLURM_STEP_NUM_TASKS": "4", "SLURM_PROCID": "3"])
        #expect(!launch.usesMPI)
        let tasks = try #require(launch.tasks)
        #expect(tasks.launcher == "srun" && tasks.count == 4 && tasks.number == 3)
    }

    @Test(arguments: [
        [:], ["SLURM_NTASKS": "4", "SLURM_PROCID": "0"], ["SLURM_STEP_NUM_TASKS": "1"], ["SLURM_STEP_NUM_TASKS": "?"],
        ["OMPI_COMM_WORLD_SIZE": "4"],
    ])
    func otherVariablesDescribeNoTasks(variables: [String: String]) {
        #expect(launch(variables).tasks == nil)
    }

    /// The PMI option of `srun` depends on the MPI library.
    @Test(arguments: [("Open MPI v4.1.4", "pmix"), ("MPICH Version: 4.0.2", "pmi2")])
    func theSuggestedSrunOptionFitsTheMPILibrary(library: String, type: String) throws {
        let tasks = try #require(launch(["SLURM_STEP_NUM_TASKS": "4"]).tasks)
        let text = tasks.error(library: library, mpirun: "/opt/bin/mpirun").description
        #expect(text.contains("srun --mpi=\(type)") && text.contains("/opt/bin/mpirun"))
    }

    @Test func moreRanksThanProcessorsOversubscribeTheHost() {
        #expect(launch(["OMPI_COMM_WORLD_LOCAL_SIZE": "4"], allowed: 2).isOversubscribed)
        #expect(!launch(["OMPI_COMM_WORLD_LOCAL_SIZE": "2"], allowed: 2).isOversubscribed)
        #expect(!launch([:], allowed: 1).isOversubscribed)
    }

    @Test func boundRanksAreComparedWithTheHostsProcessors() {
        let bound = ["OMPI_COMM_WORLD_LOCAL_SIZE": "2", "OMPI_MCA_orte_bound_at_launch": "1"]
        #expect(!launch(bound, allowed: 1, online: 2).isOversubscribed)
        #expect(launch(bound, allowed: 1, online: 1).isOversubscribed)
    }

    @Test func aSingleHostIsReportedOnlyIfKnown() {
        #expect(launch(["OMPI_COMM_WORLD_SIZE": "4", "OMPI_COMM_WORLD_LOCAL_SIZE": "4"]).isOnOneHost)
        #expect(!launch(["OMPI_COMM_WORLD_SIZE": "4", "OMPI_COMM_WORLD_LOCAL_SIZE": "2"]).isOnOneHost)
        #expect(!launch(["OMPI_COMM_WORLD_SIZE": "4"]).isOnOneHost)
        #expect(launch(["PMIX_RANK": "0", "SLURM_STEP_NUM_NODES": "1"]).isOnOneHost)
        #expect(!launch(["PMIX_RANK": "0", "SLURM_STEP_NUM_NODES": "2"]).isOnOneHost)
        #expect(!launch(["PMIX_RANK": "0"]).isOnOneHost)
        // A batch script without an MPI job.
        #expect(!launch(["SLURM_STEP_NUM_NODES": "1"]).isOnOneHost)
    }
}
