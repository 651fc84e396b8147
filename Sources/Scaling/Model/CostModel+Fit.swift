extension CostModel {
    /// Fits a model to measurements.
    ///
    /// Compute, packing, optimizer and skew are fitted to runs with a core per worker. Runs whose
    /// workers share cores are a fallback: their parts include time in which another rank had the
    /// core.
    ///
    /// - Returns: nil where no compute was measured.
    public init?(fittedTo measurements: [Measurement]) {
        let steps = measurements.filter { !$0.plan.isIn(.latency) }
        let clean = Self.withoutTurns(steps)
        guard let compute = PartCost.fit(clean), let pack = Self.packCosts(clean),
            let optimizer = Self.optimizerCosts(clean)
        else { return nil }
        computeParts = compute
        (fixedSeconds, dividedSeconds) = (Self.sum(compute, \.fixedSeconds), Self.sum(compute, \.dividedSeconds))
        secondsPerSequence = Self.sum(compute, \.secondsPerSequence)
        (fixedContention, sequenceContention) = (
            Self.sum(compute, \.fixedContention), Self.sum(compute, \.sequenceContention)
        )
        (packSeconds, packContention) = (pack[0], pack[1])
        (optimizerSeconds, optimizerContention) = (optimizer[0], optimizer[1])
        otherSeconds = Self.mean(clean.map { $0.parts.other / $0.layout.turns })
        // With a tiny compute time, waiting isn't proportional to it.
        skew = Self.skew(clean.filter { !$0.plan.isIn(.exchange) })
        weightGradientShare = Self.mean(clean.map { $0.parts.weightGradient / max($0.parts.compute, 1e-12) })
        let overlap = ExchangeOverlap(fittedTo: Self.withoutTurns(steps.filter(\.layout.usesNetwork)))
        (hiddenShare, hiddenPerWeightGradient) = (overlap.share, overlap.perWeightGradient)
        (fixedMemory, memoryPerSequence) = Self.memory(steps)
        sharedMemory = Self.link(.sharedMemory, measurements)
        network = Self.link(.network, measurements)
        mostRanks = steps.map(\.layout.ranks).max() ?? 1
        fewestRows = clean.map { $0.workload.rows($0.layout) }.min() ?? 1
        mostBusyCores = clean.map(\.layout.busyCores).max() ?? 1
    }

    private static func packCosts(_ measurements: [Measurement]) -> [Double]? {
        NonNegativeLeastSquares.solve(
            measurements.map { measurement in
                let share = measurement.layout.turns / packers(measurement.layout)
                return [share, share * Double(measurement.layout.busyCores - 1)]
            }, measurements.map { max($0.parts.pack, 1e-9) })
    }

    private static func optimizerCosts(_ measurements: [Measurement]) -> [Double]? {
        NonNegativeLeastSquares.solve(
            measurements.map { measurement in
                let share = measurement.layout.turns / Double(measurement.layout.threads)
                return [share, share * Double(measurement.layout.busyCores - 1)]
            }, measurements.map { max($0.parts.adam, 1e-9) })
    }

    private static func skew(_ measurements: [Measurement]) -> Double {
        let several = measurements.filter { $0.layout.ranks * $0.layout.threads > 1 && $0.parts.compute > 0 }
        return mean(
            several.map {
                $0.parts.wait / $0.parts.compute / expectedNormalMaximum(of: $0.layout.ranks * $0.layout.threads)
            })
    }

    private static func memory(_ measurements: [Measurement]) -> (fixed: Double, perSequence: Double) {
        let costs = NonNegativeLeastSquares.solve(
            measurements.map { [1, Double($0.workload.rows(ranks: $0.layout.ranks))] },
            measurements.map { Double($0.peakMemory) })
        return (costs?[0] ?? 0, costs?[1] ?? 0)
    }

    /// The measurements with a core per worker; all measurements if there are none.
    private static func withoutTurns(_ measurements: [Measurement]) -> [Measurement] {
        let alone = measurements.filter { $0.layout.turns == 1 }
        return alone.isEmpty ? measurements : alone
    }

    /// α and β of the exchanges over a link; nil without exchanges.
    private static func link(_ kind: Link.Kind, _ measurements: [Measurement]) -> Link? {
        let exchanged = measurements.filter {
            $0.layout.ranks > 1 && Link.seconds(of: $0) > 0 && $0.layout.usesNetwork == (kind == .network)
        }
        return Link(kind, fittedTo: withoutTurns(exchanged))
    }

    private static func sum(_ parts: [PartCost], _ cost: KeyPath<PartCost, Double>) -> Double {
        parts.reduce(0) { $0 + $1[keyPath: cost] }
    }

    private static func mean(_ values: [Double]) -> Double {
        values.isEmpty ? 0 : values.reduce(0, +) / Double(values.count)
    }
}
