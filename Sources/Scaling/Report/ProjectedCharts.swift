import Pages

/// Predicted curves to 1,024 ranks, with ideal lines.
struct ProjectedCharts {
    let experiment: Experiment

    init(_ experiment: Experiment) { self.experiment = experiment }

    var html: Markup { Parts.charts(charts) }

    var charts: [LineChart] {
        [Series.strong, .weak].flatMap { series -> [LineChart] in
            let curves = experiment.projections.filter { $0.series == series }
            guard !curves.isEmpty else { return [] }
            return [stepTime(series, curves), throughput(series, curves), efficiency(series, curves)]
        }
    }

    private func stepTime(_ series: Series, _ curves: [Projection]) -> LineChart {
        let unit = NumberUnit.duration(of: curves.flatMap(\.points).map(\.seconds))
        return chart("Time of a step, \(series.rawValue) scaling", "\(unit.name) per step", curves) {
            $0.seconds / unit.size
        } ideal: { one, ranks in
            series == .strong ? one / ranks : one
        }
    }

    private func throughput(_ series: Series, _ curves: [Projection]) -> LineChart {
        let unit = NumberUnit.large(of: curves.flatMap(\.points).map(\.tokensPerSecond))
        return chart("Throughput, \(series.rawValue) scaling", unit.before("tokens/s"), curves) {
            $0.tokensPerSecond / unit.size
        } ideal: { one, ranks in
            one * ranks
        }
    }

    private func efficiency(_ series: Series, _ curves: [Projection]) -> LineChart {
        let values = curves.flatMap(\.points).map { $0.efficiency * 100 }
        return LineChart(
            title: "Efficiency, \(series.rawValue) scaling", xLabel: "ranks, one per host",
            yLabel: "% of the base, per core",
            x: ranks(curves), y: .linear(values, atLeast: 100),
            lines: curves.enumerated().flatMap { lines($1, color: $0 + 1) { $0.efficiency * 100 } })
    }

    /// A chart with logarithmic axes.
    ///
    /// - Parameters:
    ///   - value: the plotted value of a point.
    ///   - ideal: the ideal value, from the value of one rank and a number of ranks.
    private func chart(
        _ title: String, _ label: String, _ curves: [Projection], _ value: (ProjectedPoint) -> Double,
        ideal: (Double, Double) -> Double
    ) -> LineChart {
        let points = curves.flatMap(\.points)
        let axis = Axis.decades(points.map(value))
        let lines = curves.enumerated().flatMap { self.lines($1, color: $0 + 1, value) }
        let most = Double(points.map(\.ranks).max() ?? 1)
        let one = points.first { $0.ranks == 1 }.map(value)
        let line = one.map { one in
            IdealLine.line("ideal", color: 6, over: 1...most, within: axis) { ideal(one, $0) }
        }
        return LineChart(
            title: title, xLabel: "ranks, one per host", yLabel: label, x: ranks(curves), y: axis,
            yText: Self.decadeText, lines: [line].compactMap(\.self) + lines)
    }

    private func ranks(_ curves: [Projection]) -> Axis { .ranks(curves.flatMap(\.points).map { Double($0.ranks) }) }

    /// A curve in two parts: within the measured range and beyond it.
    private func lines(_ curve: Projection, color: Int, _ value: (ProjectedPoint) -> Double) -> [LineChart.Line] {
        let places = curve.points.map { (x: Double($0.ranks), y: value($0)) }
        let known = curve.points.prefix { $0.extrapolates.isEmpty }.count
        let inside = known > 1 ? Array(places.prefix(known)) : []
        let beyond = Array(places.dropFirst(max(0, known - 1)))
        return [
            LineChart.Line(
                name: "\(curve.linkName), as far as measured", color: color, style: .solid, points: inside),
            LineChart.Line(name: "\(curve.linkName), extrapolated", color: color, style: .dashed, points: beyond),
        ]
    }

    /// The text of a tick at a power of ten, short enough not to touch the axis's label.
    private static let decadeText: @Sendable (Double) -> String = { value in
        value >= 1 && value < 99_999.5 ? whole(value) : scientific(value)
    }
}
