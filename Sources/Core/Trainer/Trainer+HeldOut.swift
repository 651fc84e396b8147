extension Trainer {
    /// The mean loss over held-out text at the current weights, in nats per character.
    ///
    /// It is computed in training's precision, without dropout, and doesn't affect training.
    ///
    /// Collective: each rank reads a part of the text. The losses are summed along a fixed tree
    /// over the sequences, so the result has the same bits for any number of ranks and threads.
    ///
    /// - Parameter text: text divided for this trainer's batch size.
    /// - Throws: `DTrainError` with `usage` for another batch size or while a gradient is in use,
    ///   with `badData` when the vocabulary isn't the model's, with `internal` when memory runs
    ///   out.
    public func loss(on text: HeldOutText) throws -> Double { try loss(on: text) {} }

    /// The mean loss over held-out text at the current weights, as in `loss(on:)`.
    ///
    /// Collective.
    ///
    /// - Parameters:
    ///   - text: text divided for this trainer's batch size.
    ///   - beforeBatch: called before each batch; may be collective. An error that it throws on all
    ///     ranks ends the measurement.
    package func loss(on text: HeldOutText, beforeBatch: () throws -> Void) throws -> Double {
        let carried = try ranks.collectively { text.carriesStates ? try CarriedStates(replica) : nil }
        var sum = PairwiseSum()
        for index in 0..<text.batchCount {
            try beforeBatch()
            let (batch, counted) = text.batch(index)
            let own = try sequenceLosses(of: batch, counted: counted, states: carried)
            for losses in try ranks.allGather(numbers: own) {
                for loss in losses { sum.add(loss) }
            }
        }
        return sum.value / Double(text.predictions)
    }

    /// Sums the losses of each of this rank's sequences at the current weights, without gradient
    /// and dropout.
    ///
    /// Collective.
    ///
    /// - Parameters:
    ///   - batch: `shape.batchSize` held-out sequences.
    ///   - counted: the number of leading tokens that count, for a sequence of the global batch.
    ///   - states: the initial states of a batch that continues; receives the states after the
    ///     batch.
    /// - Returns: one sum in nats per sequence of `replica.configuration.rankBatch`, in order.
    /// - Throws: the errors of `gradient(of:loss:dropout:scheduledSampling:)`.
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

extension TrainingRanks {
    /// Gathers the numbers of each rank, in rank order, on every rank; collective, and lengths may
    /// differ.
    fileprivate func allGather(numbers: [Double]) throws -> [[Double]] {
        try allGather(numbers.withUnsafeBytes { Array($0) }).map { bytes in
            var values = [Double](repeating: 0, count: bytes.count / MemoryLayout<Double>.stride)
            values.withUnsafeMutableBytes { $0.copyBytes(from: bytes) }
            return values
        }
    }
}
