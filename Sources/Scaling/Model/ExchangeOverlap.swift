import DTrainCore

/// The overlap of network exchanges with the weight gradient.
///
/// Of an exchange of E seconds and a weight gradient of W seconds, min(h·E, g·W) overlap. h is
/// below 1, since the last block never overlaps. With several workers per core, W is divided by
/// their number: a waiting worker moves no blocks.
struct ExchangeOverlap {
    /// h: the hidden fraction of an exchange where the weight gradient takes long enough.
    let share: Double
    /// g: the most hidden seconds per second of weight gradient.
    let perWeightGradient: Double

    /// Finds h and g with the least sum of absolute errors relative to the step, which limits the
    /// weight of an outlier.
    ///
    /// If every exchange was limited by W, h is derived from the number of blocks. If none was, g
    /// is the measured ratio.
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

    /// W: the seconds of weight gradient in which a rank moves blocks.
    private static func window(_ measurement: Measurement) -> Double {
        measurement.parts.weightGradient / measurement.layout.turns
    }

    /// The largest fraction of an exchange that can be complete when the last block is sent.
    private static func allButOneBlock(_ measurement: Measurement) -> Double {
        let blocks = GradientBlocks.estimatedCount(
            bytes: measurement.workload.gradientBytes, ranks: measurement.layout.ranks)
        return 1 - 1 / Double(blocks)
    }
}
