/// One run of one configuration: its steps after the warm-up.
public struct RunRecord: Hashable, Sendable, Codable {
    /// The number of its repeat, from 1.
    public let repetition: Int
    /// The command line.
    public let command: String
    /// The counted steps.
    public let steps: [StepSample]
    /// The peak memory in bytes of its largest process on this machine.
    public let peakMemory: Int

    /// Creates the record of one run.
    public init(repetition: Int, command: String, steps: [StepSample], peakMemory: Int) {
        (self.repetition, self.command, self.steps, self.peakMemory) = (repetition, command, steps, peakMemory)
    }

    /// The median seconds of its steps; 0 without any.
    public var medianSeconds: Double { MedianInterval.median(of: steps.map(\.seconds)) ?? 0 }
}

/// All measurements of one configuration.
public struct Measurement: Hashable, Sendable, Codable {
    /// The configuration.
    public let plan: RunPlan
    /// The placement of the ranks.
    public let layout: Layout
    /// The step's sizes.
    public let workload: Workload
    /// The runs.
    public let runs: [RunRecord]
    /// The median over the runs of their median steps, with its interval.
    public let seconds: MedianInterval
    /// The parts of a typical step: the mean over the middle half of all steps by length, scaled to
    /// the median.
    public let parts: StepParts

    /// Summarizes the runs of a configuration; nil without any step.
    public init?(plan: RunPlan, layout: Layout, workload: Workload, runs: [RunRecord]) {
        let usable = runs.filter { !$0.steps.isEmpty }
        guard let seconds = MedianInterval(of: usable.map(\.medianSeconds)) else { return nil }
        let sorted = usable.flatMap(\.steps).sorted { $0.seconds < $1.seconds }
        let margin = sorted.count / 4
        (self.plan, self.layout, self.workload, self.runs) = (plan, layout, workload, usable)
        self.seconds = seconds
        let middle = StepParts.mean(sorted.dropFirst(margin).dropLast(margin).map(\.parts))
        // The model is fitted to parts and checked against medians. Where runs differ much, the two
        // come from different steps unless the parts are scaled.
        parts = middle.total > 0 ? middle.scaled(by: seconds.median / middle.total) : middle
    }

    /// Tokens per second over all ranks.
    public var tokensPerSecond: Double { workload.tokens / max(seconds.median, 1e-12) }
    /// Tokens per second and computing core.
    public var tokensPerCoreSecond: Double { tokensPerSecond / Double(layout.usedCores) }

    /// Gradient bytes divided by the seconds of the exchange, as defined by nccl-tests; nil without
    /// an exchange.
    public var algorithmBandwidth: Double? {
        let seconds = Link.seconds(of: self)
        guard layout.ranks > 1, seconds > 0 else { return nil }
        return Double(workload.gradientBytes) / seconds
    }

    /// algbw · 2(n − 1)/n: an allreduce's traffic over one link, comparable across numbers of
    /// ranks.
    public var busBandwidth: Double? {
        algorithmBandwidth.map { $0 * 2 * Double(layout.ranks - 1) / Double(layout.ranks) }
    }

    /// The peak memory in bytes of the largest process.
    public var peakMemory: Int { runs.map(\.peakMemory).max() ?? 0 }
}
