extension Replica {
    /// Gives the model Keras's initial values, on all workers.
    ///
    /// - Parameter seed: what the random numbers depend on.
    /// - Throws: `DTrainError` with `internal` when memory runs out.
    package func fillInitialValues(seed: UInt64) throws {
        try InitialValues.fill(parameters, layout: layout, seed: seed, pool: pool, heartbeat: heartbeat)
    }
}
