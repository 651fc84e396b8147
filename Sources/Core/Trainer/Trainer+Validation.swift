extension Trainer {
    /// Sums the losses of each of this rank's sequences at the present weights, without a gradient and without dropout.
    ///
    /// Collective.
    ///
    /// - Parameters:
    ///   - batch: held-out sequences, `shape.batchSize` of them.
    ///   - counted: how many leading tokens of a sequence of the global batch count.
    ///   - states: where the sequences of a batch that continues start; receives the states after the batch.
    /// - Returns: a sum in nats for each sequence of `replica.configuration.rankBatch`, in order.
    /// - Throws: `DTrainError` as `gradient(of:loss:)` does.
    package func sequenceLosses(
        of batch: Batch, counted: (Int) -> Int, states: CarriedStates? = nil
    ) throws -> [Double] {
        try check(batch, states: states)
        try replica.beginStep()
        defer { replica.endStep() }
        try ranks.heartbeat.enter(.validation, step: step)
        return try withFlushedDenormals {
            try replica.sequenceLosses(of: batch, counted: counted, states: states)
        }
    }
}
