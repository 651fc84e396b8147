import Pages

/// The tables of the report; the terminal also shows the first one.
package enum Tables {
    /// The measured trainings: step time, and speed-up and efficiency relative to one worker and to
    /// the base.
    ///
    /// - Parameter isShort: whether to omit intervals, batches and throughput, to fit a terminal.
    package static func measured(_ experiment: Experiment, isShort: Bool = false) -> Table {
        let rows = rows(experiment, [.base, .strong, .weak])
        let unit = NumberUnit.duration(of: rows.map(\.measurement.seconds.median))
        let parallel = rows.map { experiment.parallel($0.measurement, in: $0.series) }
        let step = Column.numbers("step", rows.map(\.measurement.seconds.median), in: unit)
        let sizes: [Column] = [
            .counts("batch", rows.map(\.measurement.plan.batchSize)), step,
            .intervals("interval", rows.map { ($0.measurement.seconds.low, $0.measurement.seconds.high) }, in: unit),
            .large("tokens/s", rows.map(\.measurement.tokensPerSecond)),
        ]
        let numbers: [Column] = [
            .numbers("T(1)/T(n)", parallel.map { $0?.speedup }),
            .numbers("efficiency", parallel.map { $0?.efficiency }, in: .percent),
            .numbers("× base", rows.map { experiment.speedup($0.measurement) }),
            .numbers("of base", rows.map { experiment.efficiency($0.measurement) }, in: .percent),
        ]
        if isShort { return Table(nonEmpty: shortNames(rows) + [step] + numbers) }
        return Table(nonEmpty: names(rows) + sizes + numbers)
    }

    /// The seconds and the bandwidth of the gradient exchanges.
    static func exchanges(_ experiment: Experiment) -> Table {
        let rows = rows(experiment, [.strong, .weak, .exchange]).filter { $0.measurement.layout.ranks > 1 }
        let parts = rows.map(\.measurement.parts)
        let unit = NumberUnit.duration(of: parts.map(\.exchange))
        let rates = rows.map(\.measurement.algorithmBandwidth)
        let rateUnit = NumberUnit.bytes(of: rates.compactMap(\.self))
        let numbers: [Column] = [
            .numbers("exchange", parts.map(\.exchange), in: unit),
            .numbers("hidden", parts.map(\.hiddenExchange), in: unit),
            .numbers("algbw", rates, in: rateUnit.perSecond),
            .numbers("busbw", rows.map(\.measurement.busBandwidth), in: rateUnit.perSecond),
        ]
        return Table(columns: names(rows) + numbers)
    }

    private typealias Row = (series: Series, measurement: Measurement)

    private static func rows(_ experiment: Experiment, _ series: [Series]) -> [Row] {
        series.flatMap { series in experiment.measured(series).map { (series: series, measurement: $0) } }
    }

    private static func names(_ rows: [Row]) -> [Column] {
        [
            .text("series", rows.map(\.series.rawValue)),
            .text(
                "ranks × threads",
                rows.map { $0.series == .base ? processText($0.measurement.layout) : rankText($0.measurement.layout) }),
        ]
    }

    private static func shortNames(_ rows: [Row]) -> [Column] {
        let names = rows.map { row in
            let layout = row.measurement.layout
            return "\(layout.ranks) × \(layout.threads)" + sharedCores(layout)
        }
        return [.text("series", rows.map(\.series.rawValue)), .text("ranks × threads", names)]
    }

    static func checks(_ experiment: Experiment) -> Table {
        let checks = experiment.checks
        let unit = NumberUnit.duration(of: checks.map(\.measuredSeconds))
        return Table(columns: [
            .text("series", checks.map(\.series.rawValue)), .counts("ranks", checks.map(\.ranks)),
            .text(
                "fitted to trainings on ranks", checks.map { $0.fittedTo.map(String.init).joined(separator: ", ") }
            ),
            .numbers("measured", checks.map(\.measuredSeconds), in: unit),
            .numbers("predicted", checks.map(\.predictedSeconds), in: unit),
            .numbers("error", checks.map(\.error), in: .percent, isSigned: true),
            .text("placement", checks.map(\.layout)),
        ])
    }

    static func projections(_ experiment: Experiment) -> Markup {
        experiment.projections.map { projection -> Markup in
            Parts.details("\(projection.series.rawValue) scaling over \(projection.linkName)", points(projection).html)
        }.joined(separator: "\n")
    }

    /// A predicted curve, with speed-up and efficiency relative to its first point and to the base.
    private static func points(_ projection: Projection) -> Table {
        let points = projection.points
        let unit = NumberUnit.duration(of: points.map(\.seconds))
        let one = points.first { $0.ranks == 1 }?.tokensPerSecond
        let speedups = points.map { point in one.map { point.tokensPerSecond / $0 } }
        return Table(columns: [
            .counts("ranks", points.map(\.ranks)), .numbers("step", points.map(\.seconds), in: unit),
            .large("tokens/s", points.map(\.tokensPerSecond)), .numbers("T(1)/T(n)", speedups),
            .numbers(
                "efficiency", zip(speedups, points).map { pair in pair.0.map { $0 / Double(pair.1.ranks) } },
                in: .percent),
            .numbers("of base", points.map(\.efficiency), in: .percent),
            .numbers("exchange", points.map(\.step.exchange), in: unit), .text("limit", points.map(\.limit.rawValue)),
            .text(
                "extrapolates",
                points.map { $0.extrapolates.isEmpty ? "no" : $0.extrapolates.joined(separator: ", ") }),
        ])
    }
}
