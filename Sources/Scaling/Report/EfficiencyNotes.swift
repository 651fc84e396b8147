import Pages

/// Explanations of efficiencies above 100 %: a sentence or two per configuration, the largest
/// first.
package struct EfficiencyNotes {
    /// An efficiency that is displayed as more than 100 %.
    struct Excess {
        let name: String
        let measurement: Measurement
        /// The reference of the efficiency.
        let reference: Measurement
        let referenceName: String
        let efficiency: Double

        /// The lowest efficiency within both intervals.
        var least: Double {
            efficiency * (measurement.seconds.median / measurement.seconds.high)
                * (reference.seconds.low / reference.seconds.median)
        }
    }

    /// The largest number of explained efficiencies.
    private static let maximumNotes = 4
    /// The least efficiency that three digits show as more than 100 %.
    private static let shown = 1.005

    let excesses: [Excess]

    package init(_ experiment: Experiment) {
        excesses = [Series.base, .strong, .weak].flatMap { series in
            experiment.measured(series).flatMap { Self.excesses($0, series, experiment) }
        }.sorted { $0.efficiency > $1.efficiency }
    }

    private static func excesses(_ measurement: Measurement, _ series: Series, _ experiment: Experiment) -> [Excess] {
        let name =
            "\(series.rawValue), \(series == .base ? processText(measurement.layout) : rankText(measurement.layout))"
        func excess(_ reference: Measurement, _ referenceName: String, _ efficiency: Double) -> Excess? {
            guard efficiency >= shown else { return nil }
            return Excess(
                name: name, measurement: measurement, reference: reference, referenceName: referenceName,
                efficiency: efficiency)
        }
        let base = excess(experiment.base, "the base", experiment.efficiency(measurement))
        let one = experiment.one(of: series).flatMap { one in
            excess(
                one, series == .base ? "one thread" : "one rank", ParallelScaling(measurement, against: one).efficiency)
        }
        // The one-rank configuration is in both series.
        let isRepeated = series == .weak && measurement.plan.isIn(.strong)
        return isRepeated ? [] : [base, one].compactMap(\.self)
    }

    /// The notes; empty where no efficiency exceeds 100 %.
    package var sentences: [String] {
        guard !excesses.isEmpty else { return [] }
        let rest = excesses.count - Self.maximumNotes
        let more = rest > 0 ? ["The same holds for \(rest) more."] : []
        return ["Efficiency above 100 % is not an error: the reference does less per core."]
            + excesses.prefix(Self.maximumNotes).map(\.sentence) + more
            + [
                "To find out: raise --repeats to rule out noise, measure one thread as the base with --base-threads 1, and "
                    + "unbind ranks with --mpirun-args '--bind-to none' where the launcher binds them."
            ]
    }
}

extension EfficiencyNotes.Excess {
    /// The efficiency, whether noise alone can explain it, and the part that gains time.
    var sentence: String {
        let unit = NumberUnit.percent
        return "\(name): \(unit.text(efficiency)) % of \(referenceName). \(noise)\(gain.map { " \($0)" } ?? "")"
    }

    /// The coverage that an interval needs to rule out noise; five runs have 93.75 %.
    private static let knownNoise = 0.9

    private var noise: String {
        let runs = min(measurement.seconds.count, reference.seconds.count)
        guard min(measurement.seconds.coverage, reference.seconds.coverage) >= Self.knownNoise else {
            return "\(count(runs, "run")) \(runs == 1 ? "is" : "are") too few to rule out noise."
        }
        return least <= 1
            ? "The intervals include 100 %, so noise can be the reason." : "Noise alone is an unlikely reason."
    }

    /// The part that saves the most core time per token, with possible reasons; nil where none
    /// does.
    private var gain: String? {
        let groups: [(name: String, seconds: (StepParts) -> Double, reasons: [String])] = [
            ("compute", { $0.compute }, computeReasons),
            ("waiting", { $0.wait }, waitReasons),
            ("packing", { $0.pack }, ["the ranks of a host divide it among themselves"]),
            ("the optimizer", { $0.adam }, optimizerReasons), ("the rest of a step", { $0.other }, []),
        ]
        let savings = groups.map { (group: $0, saved: cost(reference, $0.seconds) - cost(measurement, $0.seconds)) }
        guard let most = savings.max(by: { $0.saved < $1.saved }), most.saved > 0 else { return nil }
        let reasons = most.group.reasons.joined(separator: ", or ")
        return "Most of it is saved in \(most.group.name)" + (reasons.isEmpty ? "." : ": \(reasons).")
    }

    /// Core seconds of a part per token.
    private func cost(_ measurement: Measurement, _ part: (StepParts) -> Double) -> Double {
        part(measurement.parts) * Double(measurement.layout.usedCores) / measurement.workload.tokens
    }

    private var computeReasons: [String] {
        let (mine, other) = (measurement.layout, reference.layout)
        let rows = (measurement.workload.rows(ranks: mine.ranks), reference.workload.rows(ranks: other.ranks))
        return [
            mine.busyCores < other.busyCores
                ? "\(count(mine.busyCores, "busy core")) instead of \(other.busyCores) may have more cache, memory bandwidth "
                    + "and clock rate per core" : nil,
            rows.0 < rows.1
                ? "a rank's share of \(rows.0) sequences instead of \(rows.1) may fit a cache" : nil,
            !reference.plan.isLaunched && mine.coresPerRank < other.coresPerRank
                ? "the launcher binds ranks to cores, while the system may move the base's one unbound process" : nil,
        ].compactMap(\.self)
    }

    private var optimizerReasons: [String] {
        measurement.layout.busyCores < reference.layout.busyCores ? ["fewer busy cores share the memory bandwidth"] : []
    }

    private var waitReasons: [String] {
        measurement.layout.threads < reference.layout.threads
            ? ["threads of one process wait for each other at every character, ranks only once per step"] : []
    }
}
