/// One start of one configuration: its steps after the warm-up.
public struct RunRecord: Hashable, Sendable, Codable {
    /// The repeat it belongs to, from 1.
    public let repetition: Int
    /// The command line.
    public let command: String
    /// The steps that count.
    public let steps: [StepSample]
    /// The largest memory of one of its processes on this machine, in bytes.
    public let peakMemory: Int

    /// One start.
    public init(repetition: Int, command: String, steps: [StepSample], peakMemory: Int) {
        (self.repetition, self.command, self.steps, self.peakMemory) = (repetition, command, steps, peakMemory)
    }

    /// The median seconds of its steps; 0 without any.
    public var medianSeconds: Double { MedianInterval.median(of: steps.map(\.seconds)) ?? 0 }
}

/// Everything measured of one configuration.
public struct Measurement: Hashable, Sendable, Codable {
    /// What was started.
    public let plan: RunPlan
    /// Where the ranks ran.
    public let layout: Layout
    /// The step's sizes.
    public let workload: Workload
    /// Each start.
    public let runs: [RunRecord]
    /// The median over the starts of the median step, with its interval.
    public let seconds: MedianInterval
    /// The parts of a typical step: the mean over the middle half of all steps by length, in proportion to the median.
    public let parts: StepParts

    /// Summarises the starts of a configuration; nil without any step.
    public init?(plan: RunPlan, layout: Layout, workload: Workload, runs: [RunRecord]) {
        let usable = runs.filter { !$0.steps.isEmpty }
        guard let seconds = MedianInterval(of: usable.map(\.medianSeconds)) else { return nil }
        let sorted = usable.flatMap(\.steps).sorted { $0.seconds < $1.seconds }
        let margin = sorted.count / 4
        (self.plan, self.layout, self.workload, self.runs) = (plan, layout, workload, usable)
        self.seconds = seconds
        let middle = StepParts.mean(sorted.dropFirst(margin).dropLast(margin).map(\.parts))
        // The model is fitted to parts and judged by medians: where runs differ much, the two would be of other steps.
        parts = middle.total > 0 ? middle.scaled(by: seconds.median / middle.total) : middle
    }

    /// Tokens of a step over all ranks, per second.
    public var tokensPerSecond: Double { workload.tokens / max(seconds.median, 1e-12) }
    /// Tokens per second and core that computes.
    public var tokensPerCoreSecond: Double { tokensPerSecond / Double(layout.usedCores) }

    /// Gradient bytes by the seconds of the exchange, as nccl-tests define it; nil where nothing was exchanged.
    public var algorithmBandwidth: Double? {
        let seconds = Link.seconds(of: self)
        guard layout.ranks > 1, seconds > 0 else { return nil }
        return Double(workload.gradientBytes) / seconds
    }

    /// algbw · 2(n − 1)/n: what a link carries of an allreduce, comparable for any number of ranks.
    public var busBandwidth: Double? {
        algorithmBandwidth.map { $0 * 2 * Double(layout.ranks - 1) / Double(layout.ranks) }
    }

    /// The largest memory of one process.
    public var peakMemory: Int { runs.map(\.peakMemory).max() ?? 0 }
}
