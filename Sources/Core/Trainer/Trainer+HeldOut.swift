extension Trainer {
    /// The mean loss over held-out text at the present weights, in nats per character: in training's precision, without dropout.
    ///
    /// Collective: each rank reads a part of the text. The losses are summed along a fixed tree over the sequences, so the result
    /// has the same bits for any number of ranks and threads. Nothing of the training changes.
    ///
    /// - Parameter text: cut for this trainer's batch size.
    /// - Throws: `DTrainError` with `usage` for another batch size or while a gradient is in use, `badData` when the vocabulary isn't
    ///   the model's, `internal` when memory runs out.
    public func loss(on text: HeldOutText) throws -> Double {
        let carried = try ranks.collectively { text.carriesStates ? try CarriedStates(replica) : nil }
        var sum = PairwiseSum()
        for index in 0..<text.batchCount {
            let (batch, counted) = text.batch(index)
            let own = try sequenceLosses(of: batch, counted: counted, states: carried)
            for losses in try ranks.allGather(numbers: own) {
                for loss in losses { sum.add(loss) }
            }
        }
        return sum.value / Double(text.predictions)
    }

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

extension TrainingRanks {
    /// Gathers the numbers of each rank, in rank order, on every rank; collective, lengths may differ.
    fileprivate func allGather(numbers: [Double]) throws -> [[Double]] {
        try allGather(numbers.withUnsafeBytes { Array($0) }).map { bytes in
            var values = [Double](repeating: 0, count: bytes.count / MemoryLayout<Double>.stride)
            values.withUnsafeMutableBytes { $0.copyBytes(from: bytes) }
            return values
        }
    }
}
