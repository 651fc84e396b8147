import Pages

/// Measured step time, speed-up and efficiency against the model and the ideal.
struct MeasuredCharts {
    let experiment: Experiment

    init(_ experiment: Experiment) { self.experiment = experiment }

    private var series: [(series: Series, color: Int)] {
        [(.strong, 1), (.weak, 2)].filter { !experiment.measured($0.0).isEmpty }
    }

    private var ranks: Axis {
        .ranks(series.flatMap { experiment.measured($0.series).map { Double($0.layout.ranks) } })
    }

    var html: Markup { Parts.charts([stepTime, speedup, efficiency]) }

    var stepTime: LineChart {
        let unit = NumberUnit.duration(of: series.flatMap { experiment.measured($0.series).map(\.seconds.median) })
        let lines = lines { $1 / unit.size }
        let axis = Axis.linear(values(lines))
        let ideal = series.compactMap { series, color -> LineChart.Line? in
            guard let range = idealRange(series), let one = experiment.one(of: series) else { return nil }
            let seconds = one.seconds.median / unit.size
            let words = series == .strong ? "T(1)/n" : "T(1)"
            return IdealLine.line("\(series.rawValue), ideal: \(words)", color: color, over: range, within: axis) {
                series == .strong ? seconds / $0 : seconds
            }
        }
        return LineChart(
            title: "Time of a step", xLabel: "ranks", yLabel: "\(unit.name) per step", x: ranks, y: axis,
            lines: ideal + lines)
    }

    /// Throughput relative to one rank, or tokens per second where one rank was not measured.
    var speedup: LineChart {
        guard let one = series.lazy.compactMap({ experiment.one(of: $0.series) }).first else { return throughput }
        let lines = lines { $0.workload.tokens / $1 / one.tokensPerSecond }
        let range = series.compactMap { idealRange($0.series) }.max { $0.upperBound < $1.upperBound }
        let axis = Axis.linear(values(lines) + [range?.upperBound].compactMap(\.self))
        let ideal = range.map { [IdealLine.line("ideal: n", color: 6, over: $0, within: axis) { $0 }] } ?? []
        return LineChart(
            title: "Speed-up over one rank", xLabel: "ranks", yLabel: "times one rank", x: ranks, y: axis,
            lines: ideal + lines)
    }

    private var throughput: LineChart {
        let unit = NumberUnit.large(of: series.flatMap { experiment.measured($0.series).map(\.tokensPerSecond) })
        let lines = lines { $0.workload.tokens / $1 / unit.size }
        return LineChart(
            title: "Throughput", xLabel: "ranks", yLabel: unit.before("tokens/s"), x: ranks, y: .linear(values(lines)),
            lines: lines)
    }

    var efficiency: LineChart {
        let base = experiment.base.tokensPerCoreSecond
        let lines = lines { $0.workload.tokens / $1 / Double($0.layout.usedCores) / base * 100 }
        return LineChart(
            title: "Efficiency against the base", xLabel: "ranks", yLabel: "% of the base, per core", x: ranks,
            y: .linear(values(lines), atLeast: 100), lines: lines)
    }

    private func values(_ lines: [LineChart.Line]) -> [Double] {
        lines.flatMap { $0.points.map(\.y) + $0.intervals.map(\.high) }
    }

    /// The rank counts from one to the largest with the same threads per rank and a core per
    /// worker; nil for one rank alone.
    private func idealRange(_ series: Series) -> ClosedRange<Double>? {
        guard let one = experiment.one(of: series) else { return nil }
        let most =
            experiment.measured(series)
            .filter { $0.layout.turns == 1 && $0.layout.threads == one.layout.threads }.map(\.layout.ranks).max() ?? 1
        return most > 1 ? 1...Double(most) : nil
    }

    /// The measured points, the fitted model's curve, and the predictions for unseen points, for
    /// each series.
    ///
    /// - Parameter value: the plotted value of a configuration, from its seconds per step.
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
                    name: "\(series.rawValue), cross-validated", color: color, style: .rings, points: unseen),
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
