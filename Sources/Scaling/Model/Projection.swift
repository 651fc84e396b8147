/// A predicted point of a scaling curve: one rank per host, on hosts like the measured one.
public struct ProjectedPoint: Hashable, Sendable, Codable {
    /// The number of ranks, which is the number of hosts.
    public let ranks: Int
    /// Computing cores over all hosts.
    public let cores: Int
    /// Sequences over all ranks.
    public let batchSize: Int
    /// The predicted step.
    public let step: StepPrediction
    /// Seconds of the step.
    public let seconds: Double
    /// Tokens per second.
    public let tokensPerSecond: Double
    /// Throughput per core, relative to the base's.
    public let efficiency: Double
    /// The main limit on its scaling.
    public let limit: Limit
    /// The reasons why the point lies outside the measured range; empty within it.
    public let extrapolates: [String]
}

/// A predicted scaling curve.
public struct Projection: Hashable, Sendable, Codable {
    /// Strong or weak.
    public let series: Series
    /// The link between hosts.
    public let link: Link
    /// A description of the link.
    public let linkName: String
    /// The points for 1, 2, 4 … 1,024 ranks.
    public let points: [ProjectedPoint]

    /// The inputs shared by all curves of an experiment.
    public struct Setting: Hashable, Sendable {
        /// The fitted costs.
        public let model: CostModel
        /// The base's sizes.
        public let workload: Workload
        /// Worker threads per rank: one per core of its host.
        public let threads: Int
        /// Tokens per second and core of the base.
        public let baseTokensPerCoreSecond: Double
        /// Bytes of memory per host.
        public let machineMemory: Int

        /// Creates the inputs shared by all curves.
        public init(
            model: CostModel, workload: Workload, threads: Int, baseTokensPerCoreSecond: Double, machineMemory: Int
        ) {
            (self.model, self.workload, self.threads) = (model, workload, threads)
            (self.baseTokensPerCoreSecond, self.machineMemory) = (baseTokensPerCoreSecond, machineMemory)
        }
    }

    /// The curves over the measured network, or over assumed ones where none was measured.
    public static func all(_ setting: Setting, series: [Series]) -> [Projection] {
        let links: [(link: Link, name: String)] =
            setting.model.network.map { [($0, "the measured network")] }
            ?? [1, 10, 100].map { (.assumedNetwork(gigabits: $0), "\(Int($0)) Gbit/s (assumed)") }
        return series.flatMap { series in
            links.map { link in
                let points = (0...10).compactMap { point(setting, series, link.link, ranks: 1 << $0) }
                return Projection(series: series, link: link.link, linkName: link.name, points: points)
            }
        }
    }

    private static func point(_ setting: Setting, _ series: Series, _ link: Link, ranks: Int) -> ProjectedPoint? {
        let layout = Layout(
            ranks: ranks, threads: setting.threads, hosts: ranks, machines: ranks, coresPerMachine: setting.threads)
        let workload =
            series == .weak
            ? setting.workload.with(batchSize: setting.workload.batchSize * ranks) : setting.workload
        guard let step = setting.model.predict(layout, workload, over: link), step.seconds > 0 else { return nil }
        let rate = workload.tokens / step.seconds
        return ProjectedPoint(
            ranks: ranks, cores: layout.usedCores, batchSize: workload.batchSize, step: step, seconds: step.seconds,
            tokensPerSecond: rate,
            efficiency: rate / Double(layout.usedCores) / max(setting.baseTokensPerCoreSecond, 1e-12),
            limit: Limit.of(step, layout, workload, machineMemory: setting.machineMemory),
            extrapolates: reasons(setting.model, layout, workload, link))
    }

    private static func reasons(_ model: CostModel, _ layout: Layout, _ workload: Workload, _ link: Link) -> [String] {
        let isAssumed = layout.ranks > 1 && link.origin == .assumed
        return (isAssumed ? ["assumed network"] : []) + model.extrapolations(layout, workload)
    }
}
