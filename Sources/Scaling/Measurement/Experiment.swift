/// A finished experiment: the measurements and the conclusions from them.
public struct Experiment: Hashable, Sendable, Codable {
    /// The machine and the options of an experiment.
    public struct Setting: Hashable, Sendable, Codable {
        /// The program's version.
        public var version: String
        /// The start time, UTC.
        public var date: String
        /// The command line.
        public var command: String
        /// The MPI library.
        public var mpi: String
        /// A description of the model and its flags.
        public var model: String
        /// The hosts, as reported by their ranks.
        public var hosts: [RankHost]
        /// The number of cores of this machine.
        public var cores: Int
        /// The number of repeats.
        public var repeats: Int
        /// The number of counted steps per run.
        public var steps: Int
        /// The number of warm-up steps per run, which aren't counted.
        public var warmUp: Int
        /// The measured part of a stopped experiment, as in `3 of 8 runs`; nil for a complete one.
        public var unfinished: String?

        /// Creates the description of an experiment.
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

    /// The machine and the options of an experiment.
    public let setting: Setting
    /// One to three sentences: the recommended layout, its limit, and the limit on more hosts.
    public let verdict: [String]
    /// The reference of speed-up and efficiency: the fastest unbound single process.
    public let base: Measurement
    /// All configurations, the base included.
    public let measurements: [Measurement]
    /// The fitted costs.
    public let model: CostModel
    /// Predictions of measurements that the model was not fitted to.
    public let checks: [PredictionCheck]
    /// The base's thread curve.
    public let threadCurve: [ThreadPoint]
    /// The recommended ranks × threads.
    public let recommendation: Recommendation
    /// Predicted curves over ranks.
    public let projections: [Projection]

    /// Analyzes measurements; nil where there is no base.
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

    /// Throughput per core, relative to the base's.
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

    /// A configuration's point on the thread curve; nil if it isn't in the base series.
    func threadPoint(_ measurement: Measurement) -> ThreadPoint? {
        guard measurement.plan.isIn(.base) else { return nil }
        return threadCurve.first { $0.seconds != nil && $0.threads == measurement.layout.threads }
    }

    /// The largest absolute error of a prediction; nil where none could be checked.
    public var largestError: Double? { checks.map { abs($0.error) }.max() }

    /// Whether all ranks ran on one machine.
    public var isOneMachine: Bool { measurements.allSatisfy { $0.layout.machines == 1 } }
}
