import Pages

extension Tables {
    /// The base's thread curve, one row per number of threads.
    static func threads(_ curve: [ThreadPoint]) -> Table {
        let unit = NumberUnit.duration(of: curve.map(\.bestSeconds))
        return Table(nonEmpty: [
            .text(
                "threads",
                curve.map { "\($0.threads.grouped)" + ($0.hasCoreForEach ? "" : " on \(count($0.cores, "core"))") }),
            .numbers("step", curve.map { $0.seconds?.median }, in: unit),
            .intervals("interval", curve.map { $0.seconds.map { ($0.low, $0.high) } }, in: unit),
            .numbers("model", curve.map(\.predictedSeconds), in: unit),
            .numbers("cross-validated", curve.map(\.unseenSeconds), in: unit),
            .numbers("error", curve.map(\.error), in: .percent, isSigned: true),
            .large("tokens/s", curve.map(\.tokensPerSecond)), .numbers("T(1)/T(t)", curve.map(\.speedup)),
            .numbers(
                "efficiency", curve.map { point in point.speedup.map { $0 / Double(point.threads) } }, in: .percent),
            .text("extrapolates", curve.map { $0.extrapolates.joined(separator: ", ") }),
        ])
    }

    /// The effect of threads on each part of a step, one row per part; empty where only one number
    /// of threads was measured.
    static func threadParts(_ experiment: Experiment) -> Markup {
        let base = experiment.measured(.base).filter { $0.layout.turns == 1 }
        guard let one = base.first, let most = base.last, one.layout.threads == 1, most.layout.threads > 1
        else { return "" }
        let threads = most.layout.threads
        let parts = StepParts.fields.filter { !["exchange", "hidden_exchange"].contains($0.name) }
        let unit = NumberUnit.duration(of: base.map(\.seconds.median))
        let fractions = parts.map { name, path in
            // A single thread doesn't wait.
            name == "wait"
                ? nil
                : StepParts.serialFraction(
                    one: one.parts[keyPath: path], several: most.parts[keyPath: path], threads: threads)
        }
        let columns = base.map { measurement in
            Column.numbers(
                count(measurement.layout.threads, "thread"), parts.map { measurement.parts[keyPath: $0.path] }, in: unit
            )
        }
        let names = Column.text("part", parts.map { $0.name.replacing("_", with: " ") })
        let serial = Column.numbers("serial fraction", fractions, in: .percent)
        let table = Table(columns: [names] + columns + [serial])
        return Parts.notes([
            "The serial fraction, by Karp and Flatt, from 1 and \(threads) threads: 0 % where threads divide all of a part, "
                + "100 % where they divide none, more where they slow it down."
        ]) + table.html
    }

    /// The compared layouts, with the chosen ones marked.
    static func options(_ recommendation: Recommendation) -> Markup {
        let options = recommendation.options
        let unit = NumberUnit.duration(of: options.map(\.seconds))
        let marks = options.map { option in
            [
                recommendation.machine == option ? "this machine" : nil,
                recommendation.hosts == option ? "the hosts" : nil,
            ].compactMap { $0 }.joined(separator: ", ")
        }
        let table = Table(columns: [
            .text("layout", options.map(\.name)), .counts("hosts", options.map(\.hosts)),
            .numbers("step", options.map(\.seconds), in: unit),
            .intervals("interval", options.map { ($0.low, $0.high) }, in: unit),
            .text("origin", options.map(\.originText)), .text("recommended for", marks),
        ])
        return Parts.notes([
            "Steps of the base's batch: measured layouts, and predicted ones that use all cores. Among layouts as fast as the "
                + "fastest within the intervals, a measured one is preferred, then the simplest."
        ]) + table.html
    }
}
