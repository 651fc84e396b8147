import Pages

/// The curves of runs, a color for each.
struct RunCharts {
    let runs: [Run]

    init(_ runs: [Run]) { self.runs = runs }

    /// Training and held-out loss by epoch; nil if no epoch is finished.
    var losses: LineChart? {
        let hasHeldOut = runs.contains { !$0.epochHeldOut.isEmpty }
        let lines = runs.enumerated().flatMap { index, run -> [LineChart.Line] in
            let name = runs.count > 1 ? "\(run.name): " : ""
            let train = LineChart.Line(
                name: hasHeldOut ? "\(name)train" : run.name, color: index + 1, style: hasHeldOut ? .dashed : .solid,
                points: run.epochLoss.points)
            let heldOut = LineChart.Line(
                name: "\(name)held out", color: index + 1, style: .solid, points: run.epochHeldOut.points)
            return [train, heldOut]
        }
        return chart("Loss by epoch", "epoch", "nats per \(unit)", lines, y: Axis.range)
    }

    /// All curves by step.
    var bySteps: [LineChart] {
        let speed = NumberUnit.large(of: runs.compactMap { $0.metrics?.meanSpeed })
        let units = Set(runs.map(\.units)).count == 1 ? runs[0].units : "tokens"
        return [
            chart("Training loss", "step", "nats per \(unit)", lines(\.loss), y: Axis.range),
            chart(
                "Held-out loss", "step", "nats per \(unit)",
                // The first chart has the losses of epochs.
                runs.contains { ($0.metrics?.heldOut.valueCount ?? 0) > $0.epochHeldOut.valueCount }
                    ? lines(\.heldOut) : [],
                y: Axis.range),
            chart("Learning rate", "step", "rate", lines(\.learningRate), y: { Axis.range([0] + $0) }),
            chart(
                "Gradient norm, before clipping", "step", "norm", lines(\.gradientNorm) { $0 > 0 }, y: Axis.decades,
                text: scientific),
            chart(
                "Speed", "step", "\(speed.name.isEmpty ? "" : speed.name + " ")\(units) per second",
                lines(\.speed, in: speed.size), y: { Axis.linear($0) }),
        ].compactMap { $0 }
    }

    /// The number of steps per point; nil if 1.
    var mergedSteps: Int? { Self.merged(runs.compactMap { $0.metrics?.loss }) }

    /// The number of epochs per point; nil if 1.
    var mergedEpochs: Int? { Self.merged(runs.flatMap { [$0.epochLoss, $0.epochHeldOut] }) }

    private static func merged(_ traces: [Trace]) -> Int? {
        traces.map(\.valuesPerPoint).max().flatMap { $0 > 1 ? $0 : nil }
    }

    private var unit: String {
        Set(runs.map(\.units)) == ["bytes"] ? "byte" : Set(runs.map(\.units)) == ["characters"] ? "character" : "token"
    }

    private func lines(
        _ trace: KeyPath<RunMetrics, Trace>, in unit: Double = 1, where isShown: (Double) -> Bool = { _ in true }
    ) -> [LineChart.Line] {
        runs.enumerated().compactMap { index, run in
            guard let points = run.metrics?[keyPath: trace].points.filter({ isShown($0.y) }) else { return nil }
            return LineChart.Line(
                name: run.name, color: index + 1, style: .solid, points: points.map { (x: $0.x, y: $0.y / unit) })
        }
    }

    private func chart(
        _ title: String, _ xLabel: String, _ yLabel: String, _ lines: [LineChart.Line], y: ([Double]) -> Axis,
        text: (@Sendable (Double) -> String)? = nil
    ) -> LineChart? {
        let points = lines.flatMap(\.points)
        guard !points.isEmpty else { return nil }
        return LineChart(
            title: title, xLabel: xLabel, yLabel: yLabel, x: .counts([1] + points.map(\.x)), y: y(points.map(\.y)),
            xText: Self.stepText, yText: text, lines: lines)
    }

    /// A number of steps, short enough for an axis.
    private static let stepText: @Sendable (Double) -> String = { value in
        switch value {
        case 1e6...: plain(value / 1e6) + " M"
        case 1e4...: plain(value / 1e3) + " k"
        default: decimal(value, 0)
        }
    }
}
