import Pages

/// The parts of a step, one bar per configuration.
enum StepBars {
    private static var kinds: [(name: String, color: Int, seconds: (StepParts) -> Double)] {
        [
            ("compute", 1, { $0.compute }), ("pack", 4, { $0.pack }), ("exchange", 2, { $0.exchange }),
            ("wait (skew)", 5, { $0.wait }), ("optimizer", 3, { $0.adam }), ("other", 6, { $0.other }),
        ]
    }

    static func html(_ bars: [(name: String, parts: StepParts)]) -> Markup {
        let unit = NumberUnit.duration(of: bars.map(\.parts.total))
        return StackedBars(
            title: "Time of a step, on rank 0",
            description: "The split of a step for each configuration",
            parts: kinds.map { StackedBars.Part($0.name, color: $0.color) },
            bars: bars.map { bar in (name: bar.name, values: kinds.map { $0.seconds(bar.parts) }) },
            text: { "\(unit.text($0)) \(unit.name)" }
        ).html
    }
}
