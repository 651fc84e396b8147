import Pages

/// The bars of the time in each phase of a step, and in held-out evaluation.
enum TimeBars {
    /// The parts of a bar with the phases that each sums up.
    private static let kinds: [(name: String, color: Int, parts: [String])] = [
        ("forward", 1, ["forward"]), ("loss", 7, ["head"]), ("backward", 2, ["backward"]),
        ("weight gradient", 4, ["weight_gradient"]), ("optimizer", 3, ["adam"]),
        ("exchange between ranks", 8, ["exchange"]),
        ("waiting", 5, ["wait"]), ("other", 6, ["pack", "other"]),
    ]

    static func html(_ runs: [Run]) -> Markup {
        let bars = [parts(runs), whole(runs)].compactMap(\.self).map(\.html)
        let hint: Markup =
            runs.contains { $0.metrics?.profiledSteps ?? 0 > 0 }
            ? "" : "<p class=\"soft\">Train with --profile to see the parts of a step here.</p>"
        return hint + (bars.isEmpty ? "" : Parts.charts(of: bars))
    }

    /// The mean step of each run with a profile; nil if there is none.
    private static func parts(_ runs: [Run]) -> StackedBars? {
        let profiled = runs.compactMap { run in run.metrics.map { (run.name, $0) } }.filter { $0.1.profiledSteps > 0 }
        guard !profiled.isEmpty else { return nil }
        return StackedBars(
            title: "The parts of a step, on rank 0", description: "The mean seconds of each part of a step",
            parts: kinds.map { StackedBars.Part($0.name, color: $0.color) },
            bars: profiled.map { name, metrics in
                (
                    name: "\(name): mean of \(count(metrics.profiledSteps, "step"))",
                    values: kinds.map { kind in
                        kind.parts.compactMap(PhaseSeconds.names.firstIndex).reduce(0) {
                            $0 + metrics.parts.seconds[$1]
                        }
                            / Double(metrics.profiledSteps)
                    }
                )
            }, text: seconds)
    }

    /// The time of steps and of held-out evaluation; nil if nothing was held out.
    private static func whole(_ runs: [Run]) -> StackedBars? {
        let timed = runs.compactMap { run in run.metrics.map { (run.name, $0) } }.filter { $0.1.stepSeconds > 0 }
        guard timed.contains(where: { $0.1.heldOutSeconds > 0 }) else { return nil }
        let unit = NumberUnit.duration(of: timed.map(\.1.stepSeconds))
        return StackedBars(
            title: "Steps and held-out evaluation", description: "The time in steps and in held-out evaluation",
            parts: [StackedBars.Part("steps", color: 1), StackedBars.Part("held-out evaluation", color: 5)],
            bars: timed.map { name, metrics in (name: name, values: [metrics.stepSeconds, metrics.heldOutSeconds]) },
            text: { "\(unit.text($0)) \(unit.name)" })
    }
}
