import DTrainCore

extension LaunchedTasks {
    /// Ends a process that MPI sees alone: the first task throws, for all; the others end without a word.
    func refuse() throws {
        guard number ?? 0 == 0 else { endProcess(DTrainError.Category.usage.rawValue) }
        throw error(library: MPIEnvironment.libraryVersion, mpirun: MPIEnvironment.launcher)
    }
}
