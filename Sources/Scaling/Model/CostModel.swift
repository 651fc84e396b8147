/// What a step costs, fitted to measurements (docs/scaling.md has the formulas).
///
/// With m sequences for the busiest worker, k busy cores a machine, t threads a rank, u workers that pack for a host and s workers
/// that take turns on a core:
///
///     compute    = s·(a + d/t + b·m + (k − 1)·(a′ + b′·m))
///     replicated = s·((q + (k − 1)·q′)/u + (p + (k − 1)·p′)/t + o)
///     skew       = σ·E[max of all workers]·compute
///     exchange   = α·messages + β·bytes, over a network less what is hidden
public struct CostModel: Hashable, Sendable, Codable {
    /// The parts of compute; the five costs below are their sums.
    public let computeParts: [PartCost]
    /// a: seconds of a worker's step whatever its share of the batch and the threads of its rank.
    public let fixedSeconds: Double
    /// d: seconds of a step whatever the share of the batch, on one thread; all threads of a rank divide them.
    public let dividedSeconds: Double
    /// b: seconds a sequence.
    public let secondsPerSequence: Double
    /// a′: what each further busy core of the machine adds to a.
    public let fixedContention: Double
    /// b′: what each further busy core of the machine adds to b.
    public let sequenceContention: Double
    /// q: packing a host's weights on one thread.
    public let packSeconds: Double
    /// q′: what each further busy core adds to q.
    public let packContention: Double
    /// p: the optimizer on one thread.
    public let optimizerSeconds: Double
    /// p′: what each further busy core adds to p.
    public let optimizerContention: Double
    /// o: the rest of a step.
    public let otherSeconds: Double
    /// σ: the spread of workers' compute times, relative to them.
    public let skew: Double
    /// The part of compute that is the weight gradient, behind which an exchange may hide.
    public let weightGradientShare: Double
    /// The part of an exchange over a network that is hidden where there is time enough.
    public let hiddenShare: Double
    /// Hidden seconds of an exchange over a network for each second in which a rank works on its weight gradient, at most.
    public let hiddenPerWeightGradient: Double
    /// Memory of a process whatever its share of the batch, in bytes.
    public let fixedMemory: Double
    /// Memory a sequence of the rank, in bytes.
    public let memoryPerSequence: Double
    /// Between ranks of one host; nil where none was measured.
    public let sharedMemory: Link?
    /// Between hosts; nil where none was measured.
    public let network: Link?
    /// The largest number of ranks measured.
    public let mostRanks: Int
    /// The fewest sequences a worker had in a measurement.
    public let fewestRows: Double
    /// The most busy cores of a machine in a measurement.
    public let mostBusyCores: Int

    /// Seconds of a worker's arithmetic.
    func compute(_ layout: Layout, _ workload: Workload) -> (fixed: Double, rows: Double) {
        let others = Double(layout.busyCores - 1)
        let rows = workload.rows(layout)
        return (
            layout.turns * (fixedSeconds + dividedSeconds / Double(layout.threads) + others * fixedContention),
            layout.turns * (secondsPerSequence + others * sequenceContention) * rows
        )
    }

    /// Seconds of what doesn't depend on the batch: packing, which the ranks of a host divide among them, and the rest.
    func replicated(_ layout: Layout) -> Double {
        let others = Double(layout.busyCores - 1)
        let pack = (packSeconds + others * packContention) / Self.packers(layout)
        let optimizer = (optimizerSeconds + others * optimizerContention) / Double(layout.threads)
        return layout.turns * (pack + optimizer + otherSeconds)
    }

    /// Workers that pack for a host: all of its ranks', since matrices are packed in pieces.
    static func packers(_ layout: Layout) -> Double { Double(layout.threads * layout.ranksPerHost) }

    /// The link that a layout uses, where it was measured.
    func link(_ layout: Layout) -> Link? { layout.usesNetwork ? network : sharedMemory }

    /// How much of peak speed is left when the busiest worker has so few sequences, with so many threads a rank and busy
    /// cores a machine.
    public func batchEfficiency(rows: Double, threads: Int, busyCores: Int) -> Double {
        let others = Double(max(1, busyCores) - 1)
        let variable = (secondsPerSequence + others * sequenceContention) * rows
        let whole = variable + fixedSeconds + dividedSeconds / Double(max(1, threads)) + others * fixedContention
        return whole > 0 ? variable / whole : 0
    }

    /// Predicts a step.
    ///
    /// - Parameters:
    ///   - layout: where the ranks run.
    ///   - workload: the step's sizes.
    ///   - link: what they exchange over; nil for what was measured.
    /// - Returns: nil where several ranks exchange over something that was not measured.
    public func predict(_ layout: Layout, _ workload: Workload, over link: Link? = nil) -> StepPrediction? {
        let (fixed, rows) = compute(layout, workload)
        var prediction = StepPrediction(
            fixedCompute: fixed, sequenceCompute: rows, replicated: replicated(layout), skew: 0, exchange: 0,
            hiddenExchange: 0,
            memoryPerRank: fixedMemory + memoryPerSequence * Double(workload.rows(ranks: layout.ranks)))
        prediction.skew = skew * expectedNormalMaximum(of: layout.ranks * layout.threads) * (fixed + rows)
        guard layout.ranks > 1 else { return prediction }
        guard let link = link ?? self.link(layout) else { return nil }
        let whole = link.seconds(layout, workload)
        if link.kind == .network {
            // While another worker has its core, a rank moves no blocks.
            let window = hiddenPerWeightGradient * weightGradientShare * (fixed + rows) / layout.turns
            prediction.hiddenExchange = min(hiddenShare * whole, window)
        }
        prediction.exchange = whole - prediction.hiddenExchange
        return prediction
    }
}

/// A predicted step.
public struct StepPrediction: Hashable, Sendable, Codable {
    /// Arithmetic that a smaller share of the batch wouldn't save.
    public var fixedCompute: Double
    /// Arithmetic in proportion to the share of the batch.
    public var sequenceCompute: Double
    /// What doesn't depend on the batch: packing, optimizer, the loop.
    public var replicated: Double
    /// Waiting for the slowest worker.
    public var skew: Double
    /// The exchange, as far as nothing is computed meanwhile.
    public var exchange: Double
    /// The hidden part of the exchange.
    public var hiddenExchange: Double
    /// Bytes of memory of a rank.
    public var memoryPerRank: Double

    /// Seconds of the step.
    public var seconds: Double { fixedCompute + sequenceCompute + replicated + skew + exchange }
}
