import DTrainCore

extension LaunchedTasks {
    /// Ends a process that MPI finds alone: the first task throws an error for all tasks, the
    /// others exit silently.
    func refuse() throws {
        guard number ?? 0 == 0 else { endProcess(DTrainError.Category.usage.rawValue) }
        throw error(library: MPIEnvironment.libraryVersion, mpirun: MPIEnvironment.launcher)
    }
}
