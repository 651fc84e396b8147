/// A finished experiment: everything that was measured, and what follows from it.
public struct Experiment: Hashable, Sendable, Codable {
    /// Where and how it ran.
    public struct Setting: Hashable, Sendable, Codable {
        /// The program's version.
        public var version: String
        /// When it began, UTC.
        public var date: String
        /// The command line.
        public var command: String
        /// The MPI library.
        public var mpi: String
        /// The model and its flags, in words.
        public var model: String
        /// The hosts, as their ranks report them.
        public var hosts: [RankHost]
        /// Cores of this machine.
        public var cores: Int
        /// Repeats.
        public var repeats: Int
        /// Steps of a run that count.
        public var steps: Int
        /// Steps before them that don't.
        public var warmUp: Int
        /// How much was measured, `3 of 8 runs`, where the experiment was stopped; nil for all.
        public var unfinished: String?

        /// Where and how an experiment ran.
        public init(
            version: String, date: String, command: String, mpi: String, model: String, hosts: [RankHost], cores: Int,
            repeats: Int, steps: Int, warmUp: Int, unfinished: String? = nil
        ) {
            (self.version, self.date, self.command) = (version, date, command)
            (self.mpi, self.model, self.hosts, self.cores) = (mpi, model, hosts, cores)
            (self.repeats, self.steps, self.warmUp) = (repeats, steps, warmUp)
            self.unfinished = unfinished
        }
    }

    /// Where and how it ran.
    public let setting: Setting
    /// One to three sentences: what to start, what limits it, and what limits more hosts.
    public let verdict: [String]
    /// The configuration that everything is relative to: the fastest unbound single process.
    public let base: Measurement
    /// All configurations, the base included.
    public let measurements: [Measurement]
    /// The fitted costs.
    public let model: CostModel
    /// How well the model predicts what it hasn't seen.
    public let checks: [PredictionCheck]
    /// The base's curve over its threads.
    public let threadCurve: [ThreadPoint]
    /// Which ranks × threads to train with.
    public let recommendation: Recommendation
    /// Predicted curves over ranks.
    public let projections: [Projection]

    /// Draws the conclusions from measurements; nil where there is no base.
    public init?(_ setting: Setting, _ measurements: [Measurement]) {
        let candidates = measurements.filter { $0.plan.isIn(.base) }
        guard let base = candidates.min(by: { $0.seconds.median < $1.seconds.median }),
            let model = CostModel(fittedTo: measurements)
        else { return nil }
        let series = [Series.strong, .weak].filter { one in measurements.contains { $0.plan.isIn(one) } }
        let spread = measurements.filter { $0.layout.usesNetwork && $0.plan.isScaled }
        (self.setting, self.base, self.measurements, self.model) = (setting, base, measurements, model)
        checks = PredictionCheck.all(measurements)
        threadCurve = ThreadPoint.curve(measurements, model)
        let memory = setting.hosts.map(\.memory).min() ?? 0
        projections = Projection.all(
            Projection.Setting(
                model: model, workload: base.workload,
                threads: spread.map(\.layout.coresPerHost).min() ?? setting.cores,
                baseTokensPerCoreSecond: base.tokensPerCoreSecond, machineMemory: memory), series: series)
        let errors = checks.map(\.error) + threadCurve.compactMap(\.error)
        recommendation = Recommendation(
            among: LayoutOption.all(
                measurements, base: base, model: model, cores: setting.cores, machineMemory: memory,
                error: errors.map(abs).max()), batchSize: base.workload.batchSize)
        verdict = Verdict.sentences(recommendation, measurements, base: base, projections)
    }

    /// Throughput a core, relative to the base's.
    public func efficiency(_ measurement: Measurement) -> Double {
        measurement.tokensPerCoreSecond / base.tokensPerCoreSecond
    }

    /// Throughput relative to the base's.
    public func speedup(_ measurement: Measurement) -> Double {
        measurement.tokensPerSecond / base.tokensPerSecond
    }

    /// The configurations of a series, by ranks and threads.
    public func measured(_ series: Series) -> [Measurement] {
        measurements.filter { $0.plan.isIn(series) }
            .sorted { ($0.layout.ranks, $0.layout.threads) < ($1.layout.ranks, $1.layout.threads) }
    }

    /// The point of the thread curve that a configuration of the base is; nil for others.
    func threadPoint(_ measurement: Measurement) -> ThreadPoint? {
        guard measurement.plan.isIn(.base) else { return nil }
        return threadCurve.first { $0.seconds != nil && $0.threads == measurement.layout.threads }
    }

    /// The largest error of a prediction, without its sign; nil where nothing could be checked.
    public var largestError: Double? { checks.map { abs($0.error) }.max() }

    /// Whether all ranks ran on one machine.
    public var isOneMachine: Bool { measurements.allSatisfy { $0.layout.machines == 1 } }
}
