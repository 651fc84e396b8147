/// A point of the base's thread curve: a single process with a number of threads, measured,
/// predicted or both.
public struct ThreadPoint: Hashable, Sendable, Codable {
    /// Worker threads of the process.
    public let threads: Int
    /// Cores that the threads may use; fewer than threads where hardware threads share a core.
    public let cores: Int
    /// The measured seconds of a step; nil where this number of threads was not measured.
    public let seconds: MedianInterval?
    /// Tokens per second: measured, or else predicted.
    public let tokensPerSecond: Double
    /// Throughput relative to one thread; nil where one thread was not measured.
    public let speedup: Double?
    /// The prediction of the model fitted to all measurements.
    public let predictedSeconds: Double
    /// The prediction of a model fitted without this number of threads; nil where too little else
    /// was measured.
    public let unseenSeconds: Double?
    /// The reasons why a prediction lies outside the measured range; empty within it.
    public let extrapolates: [String]

    /// (unseen − measured) / measured.
    public var error: Double? {
        guard let unseenSeconds, let seconds else { return nil }
        return (unseenSeconds - seconds.median) / seconds.median
    }

    /// Seconds per step: measured, or else predicted.
    public var bestSeconds: Double { seconds?.median ?? predictedSeconds }
    /// Whether each thread has its own core.
    public var hasCoreForEach: Bool { threads <= cores }

    /// The last point's threads as a multiple of the largest measured number.
    private static let reach = 8

    /// The measured numbers of threads, and the powers of two up to 8 times the largest, on a
    /// machine with enough cores.
    static func curve(_ measurements: [Measurement], _ model: CostModel) -> [ThreadPoint] {
        let base = measurements.filter { $0.plan.isIn(.base) }.sorted { $0.layout.threads < $1.layout.threads }
        guard let first = base.first else { return [] }
        let alone = base.filter { $0.layout.turns == 1 }.map(\.layout.threads)
        let powers = sequence(first: 1) { $0 * 2 }.prefix { $0 <= reach * (alone.max() ?? 1) }
        let single = base.first { $0.layout.threads == 1 }
        let measured = base.compactMap { measurement in
            point(
                measurement.layout, measurement.workload, model, single, measured: measurement,
                unseen: unseenSeconds(measurement, of: measurements))
        }
        let predicted = powers.filter { !alone.contains($0) }.compactMap { threads in
            let cores = max(threads, first.layout.coresPerMachine)
            return point(Layout(ranks: 1, threads: threads, coresPerMachine: cores), first.workload, model, single)
        }
        return (measured + predicted).sorted { ($0.threads, $0.cores) < ($1.threads, $1.cores) }
    }

    private static func point(
        _ layout: Layout, _ workload: Workload, _ model: CostModel, _ single: Measurement?,
        measured: Measurement? = nil, unseen: Double? = nil
    ) -> ThreadPoint? {
        guard let predicted = model.predict(layout, workload)?.seconds, predicted > 0 else { return nil }
        let rate = measured?.tokensPerSecond ?? workload.tokens / predicted
        return ThreadPoint(
            threads: layout.threads, cores: layout.coresPerMachine, seconds: measured?.seconds,
            tokensPerSecond: rate, speedup: single.map { rate / $0.tokensPerSecond }, predictedSeconds: predicted,
            unseenSeconds: unseen, extrapolates: model.extrapolations(layout, workload))
    }

    /// Predicts a process from the measurements of other numbers of threads.
    ///
    /// The fit of the divided part needs at least two other numbers of threads.
    private static func unseenSeconds(_ measurement: Measurement, of measurements: [Measurement]) -> Double? {
        let threads = measurement.layout.threads
        let others = measurements.filter { !($0.layout.ranks == 1 && $0.layout.threads == threads) }
        let counts = Set(others.filter { $0.plan.isIn(.base) && $0.layout.turns == 1 }.map(\.layout.threads))
        guard threads > 1, measurement.layout.turns == 1, counts.count > 1 else { return nil }
        return CostModel(fittedTo: others)?.predict(measurement.layout, measurement.workload)?.seconds
    }
}

extension StepParts {
    /// The Karp–Flatt serial fraction of a part, from its seconds on one thread and on several.
    ///
    /// e = (T(n)/T(1) − 1/n) / (1 − 1/n): 0 where threads divide all of the part, 1 where they
    /// divide none, above 1 where several threads take longer than one.
    static func serialFraction(one: Double, several: Double, threads: Int) -> Double? {
        guard threads > 1, one > 0 else { return nil }
        let share = 1 / Double(threads)
        return (several / one - share) / (1 - share)
    }
}
