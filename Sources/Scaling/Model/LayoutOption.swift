import Pages

/// A candidate of ranks × threads for a training, with the time of a step of the base's batch.
public struct LayoutOption: Hashable, Sendable, Codable {
    /// The source of its seconds.
    public enum Origin: String, Hashable, Sendable, Codable {
        /// Measured steps of this layout.
        case measured
        /// A prediction of the fitted model.
        case predicted
    }

    /// Network hosts; 1 for this machine alone.
    public let hosts: Int
    /// Ranks over all hosts; 1 for a process without a launcher.
    public let ranks: Int
    /// Worker threads of each rank.
    public let threads: Int
    /// Seconds per step.
    public let seconds: Double
    /// The lower end of its interval: that of the measured median, or the prediction less the
    /// model's largest error.
    public let low: Double
    /// The upper end of its interval.
    public let high: Double
    /// The source of its seconds.
    public let origin: Origin
    /// Whether the interval is reliable: several runs were measured, or the model's predictions
    /// could be checked.
    public let hasKnownNoise: Bool

    /// The assumed relative error of predictions where none could be checked.
    private static let uncheckedError = 0.1

    /// Creates a measured layout.
    ///
    /// A single run has no interval over runs, so the interval over its steps is used.
    init(_ measurement: Measurement) {
        let layout = measurement.layout
        (hosts, ranks, threads) = (layout.hosts, layout.ranks, layout.threads)
        seconds = measurement.seconds.median
        let steps = measurement.runs.flatMap(\.steps).map(\.seconds)
        hasKnownNoise = measurement.seconds.count > 1
        let interval = hasKnownNoise ? measurement.seconds : MedianInterval(of: steps) ?? measurement.seconds
        (low, high, origin) = (interval.low, interval.high, .measured)
    }

    /// Creates a predicted layout.
    ///
    /// - Parameters:
    ///   - seconds: the predicted step.
    ///   - error: the largest relative error of the model's checked predictions; nil where none
    ///     could be checked.
    init(_ layout: Layout, seconds: Double, error: Double?) {
        (hosts, ranks, threads, self.seconds) = (layout.hosts, layout.ranks, layout.threads, seconds)
        let margin = seconds * (error ?? Self.uncheckedError)
        (low, high, origin, hasKnownNoise) = (seconds - margin, seconds + margin, .predicted, error != nil)
    }

    /// Whether two layouts' intervals overlap.
    func isEqual(to other: LayoutOption) -> Bool { low <= other.high && other.low <= high }

    /// Whether it is simpler to start: fewer hosts, then fewer ranks, then fewer threads.
    func isSimpler(than other: LayoutOption) -> Bool {
        (hosts, ranks, threads) < (other.hosts, other.ranks, other.threads)
    }

    /// A description of the source of its seconds, with the error of a prediction.
    var originText: String {
        guard origin == .predicted else { return origin.rawValue }
        return hasKnownNoise ? "predicted ± \(percent((high - low) / (2 * seconds)))" : "predicted, unchecked"
    }

    /// A description of its ranks and threads.
    var name: String {
        let ranksText = ranks == 1 ? "1 process" : "\(ranks) ranks"
        let placement = hosts > 1 && ranks > hosts ? ", \((ranks + hosts - 1) / hosts) per host" : ""
        return "\(ranksText) × \(count(threads, "thread"))\(placement)"
    }
}

extension LayoutOption {
    /// All measured layouts of the base's batch, and predictions for layouts that use all cores of
    /// this machine or of the measured numbers of hosts.
    ///
    /// - Parameters:
    ///   - cores: cores of this machine.
    ///   - machineMemory: bytes of memory per machine; 0 where unknown. A layout may use nine
    ///     tenths of it.
    ///   - error: the largest relative error of the model's checked predictions; nil where none
    ///     could be checked.
    static func all(
        _ measurements: [Measurement], base: Measurement, model: CostModel, cores: Int, machineMemory: Int,
        error: Double?
    ) -> [LayoutOption] {
        let usable = measurements.filter { measurement in
            let isBatch = measurement.plan.isIn(.strong) && measurement.layout.ranks > 1
            return (isBatch || measurement.plan.isIn(.base)) && !measurement.layout.isOversubscribed
        }
        let measured = usable.map { LayoutOption($0) }
        let predicted = layouts(measurements, cores: cores).compactMap { layout -> LayoutOption? in
            guard layout.ranks <= base.workload.microBatches, !measured.contains(where: { $0.matches(layout) }),
                let step = model.predict(layout, base.workload),
                Limit.of(step, layout, base.workload, machineMemory: machineMemory) != .memory
            else { return nil }
            return LayoutOption(layout, seconds: step.seconds, error: error)
        }
        return (measured + predicted).sorted { $0.isSimpler(than: $1) }
    }

    private func matches(_ layout: Layout) -> Bool {
        (hosts, ranks, threads) == (layout.hosts, layout.ranks, layout.threads)
    }

    /// The cores of this machine and of the hosts, divided among 1, 2, 4 … ranks and one rank per
    /// core.
    private static func layouts(_ measurements: [Measurement], cores: Int) -> [Layout] {
        let machine = divided(cores).map { Layout(ranks: $0.ranks, threads: $0.threads, coresPerMachine: cores) }
        let spread = measurements.filter { $0.plan.isScaled && $0.layout.usesNetwork }.map(\.layout)
        let byHosts = Dictionary(grouping: spread, by: \.hosts).values.compactMap { same in
            same.min { $0.coresPerMachine < $1.coresPerMachine }
        }
        return machine
            + byHosts.flatMap { hosts in
                divided(hosts.coresPerHost).map {
                    Layout(
                        ranks: $0.ranks * hosts.hosts, threads: $0.threads, hosts: hosts.hosts,
                        machines: hosts.machines, coresPerMachine: hosts.coresPerMachine)
                }
            }
    }

    /// The ways to divide a host's cores: from one rank with all cores to one rank per core.
    static func divided(_ cores: Int) -> [(ranks: Int, threads: Int)] {
        Set(sequence(first: 1) { $0 * 2 }.prefix { $0 < cores } + [cores]).sorted().map { ($0, cores / $0) }
    }
}
