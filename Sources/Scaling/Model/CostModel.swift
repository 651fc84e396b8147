/// The cost model of a step, fitted to measurements (docs/scaling.md has the formulas).
///
/// With m sequences for the busiest worker, k busy cores per machine, t threads per rank, u packing
/// workers per host and s workers per core:
///
///     compute    = s·(a + d/t + b·m + (k − 1)·(a′ + b′·m))
///     replicated = s·((q + (k − 1)·q′)/u + (p + (k − 1)·p′)/t + o)
///     skew       = σ·E[max of all workers]·compute
///     exchange   = α·messages + β·bytes, less the hidden part over a network
public struct CostModel: Hashable, Sendable, Codable {
    /// The parts of compute; the five costs below are sums over them.
    public let computeParts: [PartCost]
    /// a: seconds of a worker's step, independent of its local batch and of the rank's threads.
    public let fixedSeconds: Double
    /// d: seconds of a step on one thread, independent of the local batch; divided by the rank's
    /// threads.
    public let dividedSeconds: Double
    /// b: seconds per sequence.
    public let secondsPerSequence: Double
    /// a′: seconds that each further busy core of the machine adds to a.
    public let fixedContention: Double
    /// b′: seconds that each further busy core of the machine adds to b.
    public let sequenceContention: Double
    /// q: seconds to pack a host's weights on one thread.
    public let packSeconds: Double
    /// q′: seconds that each further busy core adds to q.
    public let packContention: Double
    /// p: seconds of the optimizer on one thread.
    public let optimizerSeconds: Double
    /// p′: seconds that each further busy core adds to p.
    public let optimizerContention: Double
    /// o: seconds of the rest of a step.
    public let otherSeconds: Double
    /// σ: the relative standard deviation of workers' compute times.
    public let skew: Double
    /// The weight gradient's fraction of compute; an exchange may overlap it.
    public let weightGradientShare: Double
    /// The hidden fraction of a network exchange where the weight gradient takes long enough.
    public let hiddenShare: Double
    /// The most hidden seconds of a network exchange per second of weight gradient.
    public let hiddenPerWeightGradient: Double
    /// Bytes of memory per process, independent of its local batch.
    public let fixedMemory: Double
    /// Bytes of memory per sequence of the rank.
    public let memoryPerSequence: Double
    /// The link between ranks of one host; nil where none was measured.
    public let sharedMemory: Link?
    /// The link between hosts; nil where none was measured.
    public let network: Link?
    /// The largest number of ranks measured.
    public let mostRanks: Int
    /// The smallest measured number of sequences per worker.
    public let fewestRows: Double
    /// The largest measured number of busy cores per machine.
    public let mostBusyCores: Int

    /// Seconds of a worker's arithmetic: the fixed part and the part proportional to its sequences.
    func compute(_ layout: Layout, _ workload: Workload) -> (fixed: Double, rows: Double) {
        let others = Double(layout.busyCores - 1)
        let rows = workload.rows(layout)
        return (
            layout.turns * (fixedSeconds + dividedSeconds / Double(layout.threads) + others * fixedContention),
            layout.turns * (secondsPerSequence + others * sequenceContention) * rows
        )
    }

    /// Seconds independent of the batch: packing, divided among a host's ranks, the optimizer, and
    /// the rest.
    func replicated(_ layout: Layout) -> Double {
        let others = Double(layout.busyCores - 1)
        let pack = (packSeconds + others * packContention) / Self.packers(layout)
        let optimizer = (optimizerSeconds + others * optimizerContention) / Double(layout.threads)
        return layout.turns * (pack + optimizer + otherSeconds)
    }

    /// The workers that pack a host's weights: those of all its ranks, since matrices are packed in
    /// pieces.
    static func packers(_ layout: Layout) -> Double { Double(layout.threads * layout.ranksPerHost) }

    /// The measured link that a layout uses; nil where it was not measured.
    func link(_ layout: Layout) -> Link? { layout.usesNetwork ? network : sharedMemory }

    /// The fraction of peak speed with `rows` sequences for the busiest worker, `threads` per rank
    /// and `busyCores` per machine.
    public func batchEfficiency(rows: Double, threads: Int, busyCores: Int) -> Double {
        let others = Double(max(1, busyCores) - 1)
        let variable = (secondsPerSequence + others * sequenceContention) * rows
        let whole = variable + fixedSeconds + dividedSeconds / Double(max(1, threads)) + others * fixedContention
        return whole > 0 ? variable / whole : 0
    }

    /// Predicts a step.
    ///
    /// - Parameters:
    ///   - layout: the placement of the ranks.
    ///   - workload: the step's sizes.
    ///   - link: the link between them; nil for the measured one.
    /// - Returns: nil where several ranks exchange over a link that was not measured.
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
            // A rank moves no blocks while another worker has its core.
            let window = hiddenPerWeightGradient * weightGradientShare * (fixed + rows) / layout.turns
            prediction.hiddenExchange = min(hiddenShare * whole, window)
        }
        prediction.exchange = whole - prediction.hiddenExchange
        return prediction
    }
}

/// A predicted step.
public struct StepPrediction: Hashable, Sendable, Codable {
    /// Seconds of arithmetic independent of the local batch.
    public var fixedCompute: Double
    /// Seconds of arithmetic proportional to the local batch.
    public var sequenceCompute: Double
    /// Seconds independent of the batch: packing, optimizer, the loop.
    public var replicated: Double
    /// Waiting for the slowest worker.
    public var skew: Double
    /// The exposed part of the exchange.
    public var exchange: Double
    /// The hidden part of the exchange.
    public var hiddenExchange: Double
    /// Bytes of memory per rank.
    public var memoryPerRank: Double

    /// Seconds of the step.
    public var seconds: Double { fixedCompute + sequenceCompute + replicated + skew + exchange }
}
