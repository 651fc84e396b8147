/// Speed-up and efficiency relative to one worker of the same series.
public struct ParallelScaling: Hashable, Sendable {
    /// S(n) = T(1)/T(n); for weak scaling n·T(1)/T(n), since a step processes n times as many
    /// tokens.
    public let speedup: Double
    /// E(n) = S(n)/n, where n is the ratio of the numbers of workers (ranks × threads).
    public let efficiency: Double

    /// Compares throughputs: their ratio is S(n) in either series.
    init(_ measurement: Measurement, against one: Measurement) {
        func workers(_ of: Measurement) -> Double { Double(of.layout.ranks * of.layout.threads) }
        speedup = measurement.tokensPerSecond / one.tokensPerSecond
        efficiency = speedup * workers(one) / workers(measurement)
    }
}

extension Experiment {
    /// The one-worker configuration of a series: one thread in the base series, one rank in the
    /// others; nil where none was measured.
    func one(of series: Series) -> Measurement? {
        measured(series).first { $0.layout.ranks == 1 && (series != .base || $0.layout.threads == 1) }
    }

    /// Speed-up and efficiency of a configuration of a series; nil where the series was not
    /// measured on one worker.
    public func parallel(_ measurement: Measurement, in series: Series) -> ParallelScaling? {
        one(of: series).map { ParallelScaling(measurement, against: $0) }
    }

    /// Speed-up and efficiency in the configuration's first series that is a scaling curve; nil for
    /// other configurations.
    func parallel(_ measurement: Measurement) -> ParallelScaling? {
        [Series.base, .strong, .weak].first(where: measurement.plan.isIn).flatMap { parallel(measurement, in: $0) }
    }
}
