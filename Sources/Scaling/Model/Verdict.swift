import Pages

/// One sentence on what limits an experiment.
enum Verdict {
    static func sentence(_ measurements: [Measurement], base: Measurement) -> String {
        let scaled = measurements.filter { $0.layout.ranks > 1 && $0.plan.isScaled }
        let launched = measurements.filter(\.plan.isLaunched)
        if let bound = launched.first(where: { $0.layout.threads > $0.layout.processorsPerRank }) {
            let cores = bound.layout.coresPerRank
            return "Bound to \(cores == 1 ? "one core" : "\(cores) cores") with \(bound.layout.threads) threads: "
                + "give the launcher --bind-to none, or --threads \(cores)."
        }
        let strong = scaled.filter { $0.plan.isIn(.strong) }
        let fitting = (strong.isEmpty ? scaled : strong).filter { !$0.layout.isOversubscribed }
        if let most = fitting.max(by: { $0.layout.ranks < $1.layout.ranks }) { return sentence(most, base: base) }
        if let most = scaled.first {
            return "Cores: \(most.layout.label), so its workers take turns of \(decimal(most.layout.turns, 1)) on each "
                + "core, and more ranks can't be faster."
        }
        return "Compute: one rank was measured, which exchanges nothing."
    }

    private static func sentence(_ measurement: Measurement, base: Measurement) -> String {
        let (parts, layout) = (measurement.parts, measurement.layout)
        let step = "of \(seconds(parts.total)) a step on \(layout.ranks) ranks"
        let carrier = layout.usesNetwork ? "Network" : "Exchange in shared memory"
        let losses = [
            (carrier, parts.exchange), ("Skew", parts.wait),
            ("Packing and optimiser, which a smaller share of the batch doesn't shorten", parts.replicated),
        ]
        let lost = losses.reduce(0) { $0 + $1.1 }
        if lost > 0.1 * parts.total, let most = losses.max(by: { $0.1 < $1.1 }) {
            return "\(most.0): \(seconds(most.1)) \(step)."
        }
        let efficiency = measurement.tokensPerCoreSecond / base.tokensPerCoreSecond
        guard efficiency < 0.9 else {
            return "Compute: \(seconds(parts.compute)) \(step); cores limit it, not their exchange."
        }
        return "Small local batch: \(measurement.workload.rows(ranks: layout.ranks)) sequences a rank reach "
            + "\(percent(efficiency)) of the base's throughput a core."
    }
}
