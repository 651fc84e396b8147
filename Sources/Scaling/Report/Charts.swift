import Pages

/// Measured throughput, efficiency and step time against the model.
struct MeasuredCharts {
    let experiment: Experiment

    init(_ experiment: Experiment) { self.experiment = experiment }

    private var series: [(series: Series, color: Int)] {
        [(.strong, 1), (.weak, 2)].filter { !experiment.measured($0.0).isEmpty }
    }

    private var ranks: Axis {
        .ranks(series.flatMap { experiment.measured($0.series).map { Double($0.layout.ranks) } })
    }

    var html: Markup { Parts.charts([stepTime, throughput, efficiency]) }

    private var stepTime: LineChart {
        let lines = lines { $1 }
        let axis = Axis.linear(lines.flatMap { $0.points.map(\.y) + $0.intervals.map(\.high) })
        return LineChart(
            title: "Seconds a step", xLabel: "ranks", yLabel: "seconds", x: ranks, y: axis, yText: secondsText,
            lines: lines)
    }

    private var throughput: LineChart {
        let lines = lines { $0.workload.tokens / $1 }
        let values = lines.flatMap { $0.points.map(\.y) + $0.intervals.map(\.high) }
        return LineChart(
            title: "Throughput", xLabel: "ranks", yLabel: "tokens a second", x: ranks, y: .linear(values),
            yText: axisText, lines: lines)
    }

    private var efficiency: LineChart {
        let base = experiment.base.tokensPerCoreSecond
        let lines = lines { $0.workload.tokens / $1 / Double($0.layout.usedCores) / base }
        let values = lines.flatMap { $0.points.map(\.y) + $0.intervals.map(\.high) }
        return LineChart(
            title: "Efficiency", xLabel: "ranks", yLabel: "of the base, a core", x: ranks,
            y: .linear(values, atLeast: 1), yText: percentText, lines: lines)
    }

    /// For each series its points, what the model fitted to all says, and what it says without having seen them.
    ///
    /// - Parameter value: what is shown of a configuration whose step takes so many seconds.
    private func lines(_ value: (Measurement, Double) -> Double) -> [LineChart.Line] {
        series.flatMap { series, color -> [LineChart.Line] in
            let measured = experiment.measured(series)
            let fitted = measured.compactMap { measurement in
                experiment.model.predict(measurement.layout, measurement.workload).map {
                    (Double(measurement.layout.ranks), value(measurement, $0.seconds))
                }
            }
            let unseen = measured.compactMap { measurement in
                experiment.checks.first { $0.name == measurement.plan.name }.map {
                    (Double(measurement.layout.ranks), value(measurement, $0.predictedSeconds))
                }
            }
            return [
                LineChart.Line(name: "\(series.rawValue), model", color: color, style: .dashed, points: fitted),
                LineChart.Line(
                    name: "\(series.rawValue), predicted unseen", color: color, style: .rings, points: unseen),
                LineChart.Line(
                    name: "\(series.rawValue), measured", color: color, style: .dots,
                    points: measured.map { (Double($0.layout.ranks), value($0, $0.seconds.median)) },
                    intervals: measured.map { measurement in
                        let ends = [measurement.seconds.low, measurement.seconds.high].map { value(measurement, $0) }
                        return (min(ends[0], ends[1]), max(ends[0], ends[1]))
                    }),
            ]
        }
    }
}

/// Predicted curves to 1,024 ranks.
struct ProjectedCharts {
    let experiment: Experiment

    init(_ experiment: Experiment) { self.experiment = experiment }

    var html: Markup {
        Parts.charts(
            [Series.strong, .weak].flatMap { series -> [LineChart] in
                let curves = experiment.projections.filter { $0.series == series }
                guard !curves.isEmpty else { return [] }
                let name = series.rawValue
                return [
                    chart("Seconds a step, \(name) scaling", "seconds", curves, .seconds),
                    chart("Throughput, \(name) scaling", "tokens a second", curves, .rate),
                    chart("Efficiency, \(name) scaling", "of the base, a core", curves, .percent),
                ]
            })
    }

    private enum Quantity: Sendable { case seconds, rate, percent }

    private func chart(_ title: String, _ label: String, _ curves: [Projection], _ quantity: Quantity) -> LineChart {
        let lines = curves.enumerated().flatMap { self.lines($1, quantity, color: $0 + 1) }
        let points = curves.flatMap(\.points)
        let values = points.map { value($0, quantity) }
        let axis: Axis = quantity == .percent ? .linear(values, atLeast: 1) : .decades(values)
        let text = { @Sendable (value: Double) in
            switch quantity {
            case .seconds: secondsText(value)
            case .rate: axisText(value)
            case .percent: percentText(value)
            }
        }
        let ranks: [Double] = points.map { Double($0.ranks) }
        return LineChart(
            title: title, xLabel: "ranks, one a host", yLabel: label, x: Axis.ranks(ranks), y: axis, yText: text,
            lines: lines)
    }

    private func value(_ point: ProjectedPoint, _ quantity: Quantity) -> Double {
        switch quantity {
        case .seconds: point.seconds
        case .rate: point.tokensPerSecond
        case .percent: point.efficiency
        }
    }

    /// A curve in two parts: what was measured in its neighbourhood, and what lies beyond.
    private func lines(_ curve: Projection, _ quantity: Quantity, color: Int) -> [LineChart.Line] {
        let places = curve.points.map { (x: Double($0.ranks), y: value($0, quantity)) }
        let known = curve.points.prefix { $0.extrapolates.isEmpty }.count
        let inside = known > 1 ? Array(places.prefix(known)) : []
        let beyond = Array(places.dropFirst(max(0, known - 1)))
        return [
            LineChart.Line(
                name: "\(curve.linkName), as far as measured", color: color, style: .solid, points: inside),
            LineChart.Line(name: "\(curve.linkName), extrapolated", color: color, style: .dashed, points: beyond),
        ]
    }
}

/// A tick of an axis of shares.
private func percentText(_ value: Double) -> String { decimal(value * 100, 0) + " %" }

/// A tick of an axis of seconds.
func secondsText(_ value: Double) -> String {
    if value == 0 || value >= 1 { return decimal(value, value.rounded() == value ? 0 : 1) + " s" }
    for (unit, name) in [(1e-3, " ms"), (1e-6, " µs")] where value >= unit * 0.9995 {
        let scaled = value / unit
        return decimal(scaled, abs(scaled.rounded() - scaled) < 1e-6 ? 0 : 1) + name
    }
    return decimal(value * 1e9, 0) + " ns"
}

/// A tick of an axis of large numbers, without needless decimals.
private func axisText(_ value: Double) -> String {
    for (unit, name) in [(1e9, " G"), (1e6, " M"), (1e3, " k")] where value >= unit * 0.9995 {
        let scaled = value / unit
        return decimal(scaled, scaled.rounded() == scaled ? 0 : 1) + name
    }
    return decimal(value, value.rounded() == value ? 0 : 1)
}
