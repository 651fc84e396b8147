import Pages

/// The summary of an experiment in one to three sentences: the recommended layout, its limit, and
/// the limit on more hosts.
enum Verdict {
    static func sentences(
        _ recommendation: Recommendation, _ measurements: [Measurement], base: Measurement, _ projections: [Projection]
    ) -> [String] {
        [recommendation.sentence, limit(measurements, base: base), Outlook.sentence(projections)].compactMap(\.self)
    }

    /// The limit of the largest measured number of ranks with a core per worker.
    static func limit(_ measurements: [Measurement], base: Measurement) -> String {
        let scaled = measurements.filter { $0.layout.ranks > 1 && $0.plan.isScaled }
        let launched = measurements.filter(\.plan.isLaunched)
        if let bound = launched.first(where: { $0.layout.threads > $0.layout.processorsPerRank }) {
            let cores = bound.layout.coresPerRank
            return "The launcher binds each rank of \(bound.layout.threads) threads to \(count(cores, "core")): add "
                + "--mpirun-args '--bind-to none', or --threads \(cores)."
        }
        let strong = scaled.filter { $0.plan.isIn(.strong) }
        let fitting = (strong.isEmpty ? scaled : strong).filter { !$0.layout.isOversubscribed }
        if let most = fitting.max(by: { $0.layout.ranks < $1.layout.ranks }) { return limit(most, base: base) }
        if let most = scaled.first {
            return
                "\(most.layout.label), where \(plain(most.layout.turns)) workers take turns on each core, so more ranks "
                + "can't be faster."
        }
        return "Only one rank was measured; it exchanges nothing, so compute is its only limit."
    }

    private static func limit(_ measurement: Measurement, base: Measurement) -> String {
        let (parts, layout) = (measurement.parts, measurement.layout)
        let unit = NumberUnit.duration(of: [parts.total])
        func share(_ seconds: Double) -> String {
            "\(unit.text(seconds)) of the \(unit.text(parts.total)) \(unit.name) of a step"
        }
        let place = "On \(layout.ranks) ranks"
        let losses = [
            (layout.usesNetwork ? "the network" : "the exchange in shared memory", parts.exchange),
            ("waiting for the slowest worker", parts.wait),
            ("work that more ranks don't divide, the optimizer and packing", parts.replicated),
        ]
        let lost = losses.reduce(0) { $0 + $1.1 }
        if lost > 0.1 * parts.total, let most = losses.max(by: { $0.1 < $1.1 }) {
            return "\(place), the largest loss is \(most.0): \(share(most.1))."
        }
        let efficiency = measurement.tokensPerCoreSecond / base.tokensPerCoreSecond
        guard efficiency < 0.9 else {
            return "\(place), compute takes \(share(parts.compute)): more cores would help, a faster exchange wouldn't."
        }
        return
            "\(place), each rank has \(count(measurement.workload.rows(ranks: layout.ranks), "sequence")), too few to keep it "
            + "busy: a core is \(percent(efficiency)) as fast as in the base."
    }
}
