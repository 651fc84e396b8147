extension Replica {
    /// Fills the model with Keras's initial values, using all workers.
    ///
    /// - Parameter seed: the random seed.
    /// - Throws: `DTrainError` with `internal` when memory runs out.
    package func fillInitialValues(seed: UInt64) throws {
        try InitialValues.fill(parameters, layout: layout, seed: seed, pool: pool, heartbeat: heartbeat)
    }

    /// Loads weights of a model that has the same sizes, or the same except for a smaller
    /// vocabulary.
    ///
    /// The rows and columns of additional ids get initial values.
    ///
    /// - Parameters:
    ///   - weights: the weights file.
    ///   - seed: the random seed for additional ids.
    /// - Throws: `DTrainError` with `badData` when a weight isn't a finite number, `internal` when
    ///   memory runs out.
    package func take(_ weights: InitialWeights, seed: UInt64) throws {
        guard weights.configuration != layout.configuration else { return try weights.load(into: parameters.pointer) }
        try InitialValues.fill(
            parameters, layout: layout, seed: seed, pool: pool, heartbeat: heartbeat,
            where: \.dependsOnVocabulary)
        try weights.load(into: parameters.pointer, extendedTo: layout)
    }
}
