import DTrainCore

/// How much of the exchanges over a network runs while the weight gradient is computed.
///
/// Of an exchange of E seconds beside a weight gradient of W seconds, min(h·E, g·W) are hidden: never the last block, and
/// no more than there is time for. Workers that take turns on a core have W divided by their number, since a waiting worker moves no blocks.
struct Hiding {
    /// h.
    let share: Double
    /// g.
    let perWeightGradient: Double

    /// Finds the pair that misses the hidden seconds of measurements the least, in absolute values of relative errors, so
    /// that one odd run doesn't count for more than one.
    ///
    /// Where all exchanges had too little to hide behind, h is derived from the number of blocks; where all had enough,
    /// g is what was seen.
    init(fittedTo measurements: [Measurement]) {
        let seen = measurements.filter {
            $0.layout.ranks > 1 && $0.parts.wholeExchange > 0 && $0.parts.weightGradient > 0
        }
        let shares = seen.map { $0.parts.hiddenExchange / $0.parts.wholeExchange }
        let rates = seen.map { $0.parts.hiddenExchange / Self.window($0) }
        let possible = seen.map { Self.allButOneBlock($0) }.min() ?? 0
        var best = (error: Double.infinity, share: 0.0, rate: 0.0)
        for share in (shares + [possible]).sorted(by: >) {
            for rate in rates.sorted() {
                let error = seen.reduce(0) { $0 + Self.error($1, share, rate) }
                if error < best.error * (1 - 1e-9) - 1e-12 { best = (error, share, rate) }
            }
        }
        (share, perWeightGradient) = (best.share, best.rate)
    }

    private static func error(_ measurement: Measurement, _ share: Double, _ rate: Double) -> Double {
        let parts = measurement.parts
        let predicted = min(share * parts.wholeExchange, rate * window(measurement))
        return abs(predicted - parts.hiddenExchange) / parts.total
    }

    /// W.
    private static func window(_ measurement: Measurement) -> Double {
        measurement.parts.weightGradient / measurement.layout.turns
    }

    /// The part of an exchange that is over, at best, when the last block begins to travel.
    private static func allButOneBlock(_ measurement: Measurement) -> Double {
        let blocks = GradientBlocks.estimatedCount(
            bytes: measurement.workload.gradientBytes, ranks: measurement.layout.ranks)
        return 1 - 1 / Double(blocks)
    }
}
