import Pages

/// The charts and tables of the base's thread curve.
enum ThreadSection {
    static func html(_ experiment: Experiment) -> Markup {
        let curve = experiment.threadCurve
        guard let most = curve.last(where: { $0.seconds != nil }) else { return "<p>No process was measured.</p>" }
        let note =
            "One unbound process with a whole batch. Beyond \(count(most.threads, "thread")) the curve is a prediction for a "
            + "machine with a core for each thread."
        return "<p>\(note)</p>" + ThreadCharts(experiment).html + Tables.threads(curve).html
            + Tables.threadParts(experiment)
    }
}

/// The charts of step time and speed-up by threads.
struct ThreadCharts {
    /// The points of the curve with a core per thread.
    private let curve: [ThreadPoint]
    private let tokens: Double
    /// Tokens per second on one thread; nil where it was not measured.
    private let single: Double?

    init(_ experiment: Experiment) {
        curve = experiment.threadCurve.filter(\.hasCoreForEach)
        tokens = experiment.base.workload.tokens
        single = curve.first { $0.threads == 1 && $0.seconds != nil }?.tokensPerSecond
    }

    var html: Markup { Parts.charts([stepTime, speedup].compactMap(\.self)) }

    var stepTime: LineChart {
        let unit = NumberUnit.duration(of: curve.compactMap { $0.seconds?.median })
        let times = lines { $0 / unit.size }
        let axis = Axis.linear(Self.values(times))
        let ideal = single.map { single in
            let one = tokens / single / unit.size
            return IdealLine.line("ideal: T(1)/t", color: 6, over: range, within: axis) { one / $0 }
        }
        return LineChart(
            title: "Time of a step, by threads", xLabel: "threads of one process", yLabel: "\(unit.name) per step",
            x: threads,
            y: axis, lines: [ideal].compactMap(\.self) + times)
    }

    /// The chart of speed-up; nil where one thread was not measured.
    var speedup: LineChart? {
        guard let single else { return nil }
        let speedups = lines { tokens / $0 / single }
        let axis = Axis.linear(Self.values(speedups))
        return LineChart(
            title: "Speed-up over one thread", xLabel: "threads of one process", yLabel: "times one thread", x: threads,
            y: axis,
            lines: [IdealLine.line("ideal: t", color: 6, over: range, within: axis) { $0 }] + speedups)
    }

    private static func values(_ lines: [LineChart.Line]) -> [Double] {
        lines.flatMap { $0.points.map(\.y) + $0.intervals.map(\.high) }
    }

    private var range: ClosedRange<Double> { 1...Double(max(1, curve.map(\.threads).max() ?? 1)) }

    private var threads: Axis { .ranks(curve.map { Double($0.threads) }) }

    /// The measured points, the model's curve within and beyond them, and the predictions for
    /// unseen points.
    ///
    /// - Parameter value: the plotted value, from the seconds of a step.
    private func lines(_ value: (Double) -> Double) -> [LineChart.Line] {
        func points(_ of: [ThreadPoint], _ seconds: (ThreadPoint) -> Double?) -> [(x: Double, y: Double)] {
            of.compactMap { point in seconds(point).map { (Double(point.threads), value($0)) } }
        }
        let measured = curve.filter { $0.seconds != nil }
        let most = measured.last?.threads ?? 0
        return [
            LineChart.Line(
                name: "model", color: 1, style: .solid,
                points: points(curve.filter { $0.threads <= most }, \.predictedSeconds)),
            LineChart.Line(
                name: "model, extrapolated", color: 1, style: .dashed,
                points: points(curve.filter { $0.threads >= most }, \.predictedSeconds)),
            LineChart.Line(
                name: "cross-validated", color: 1, style: .rings, points: points(curve, \.unseenSeconds)),
            LineChart.Line(
                name: "measured", color: 1, style: .dots, points: points(measured) { $0.seconds?.median },
                intervals: measured.compactMap(\.seconds).map { interval in
                    let ends = [value(interval.low), value(interval.high)]
                    return (min(ends[0], ends[1]), max(ends[0], ends[1]))
                }),
        ]
    }
}
