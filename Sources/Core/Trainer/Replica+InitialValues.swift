extension Replica {
    /// Gives the model Keras's initial values, on all workers.
    ///
    /// - Parameter seed: what the random numbers depend on.
    /// - Throws: `DTrainError` with `internal` when memory runs out.
    package func fillInitialValues(seed: UInt64) throws {
        try InitialValues.fill(parameters, layout: layout, seed: seed, pool: pool, heartbeat: heartbeat)
    }

    /// Takes weights of a model with the same sizes or, but for them, a smaller vocabulary.
    ///
    /// The rows and columns of further ids keep the initial values of this model.
    ///
    /// - Parameters:
    ///   - weights: the file.
    ///   - seed: what the random numbers of further ids depend on.
    /// - Throws: `DTrainError` with `badData` when a weight isn't a finite number, `internal` when memory runs out.
    package func take(_ weights: InitialWeights, seed: UInt64) throws {
        guard weights.configuration != layout.configuration else { return try weights.load(into: parameters.pointer) }
        try InitialValues.fill(
            parameters, layout: layout, seed: seed, pool: pool, heartbeat: heartbeat,
            where: \.dependsOnVocabulary)
        try weights.load(into: parameters.pointer, extendedTo: layout)
    }
}
