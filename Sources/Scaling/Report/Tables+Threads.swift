import Pages

extension Tables {
    /// The base's curve, a line for each number of threads.
    static func threads(_ curve: [ThreadPoint]) -> Markup {
        table(
            [
                "threads", "step", "interval", "tokens/s", "speed-up", "a thread", "model", "predicted unseen", "error",
                "extrapolates",
            ],
            curve.map { point in
                [
                    "\(point.threads)" + (point.hasCoreForEach ? "" : " on \(count(point.cores, "core"))"),
                    point.seconds.map { seconds($0.median) } ?? "predicted",
                    point.seconds.map { "\(seconds($0.low)) – \(seconds($0.high))" } ?? "",
                    compact(point.tokensPerSecond), point.speedup.map(threeDigits) ?? "",
                    point.speedup.map { percent($0 / Double(point.threads)) } ?? "", seconds(point.predictedSeconds),
                    point.unseenSeconds.map { seconds($0) } ?? "",
                    point.error.map { percent($0, signed: true) } ?? "", point.extrapolates.joined(separator: ", "),
                ]
            }, textColumns: [9])
    }

    /// What threads make of each part of a step, a line for each; nothing where one number of threads was measured.
    static func threadParts(_ experiment: Experiment) -> Markup {
        let base = experiment.measured(.base).filter { $0.layout.turns == 1 }
        guard let one = base.first, let most = base.last, one.layout.threads == 1, most.layout.threads > 1
        else { return "" }
        let threads = most.layout.threads
        let rows = StepParts.fields.filter { !["exchange", "hidden_exchange"].contains($0.name) }.map { name, path in
            // One thread waits for none.
            let fraction =
                name == "wait"
                ? nil
                : StepParts.serialFraction(
                    one: one.parts[keyPath: path], several: most.parts[keyPath: path], threads: threads)
            return [name.replacing("_", with: " ")] + base.map { seconds($0.parts[keyPath: path]) }
                + [fraction.map { percent($0) } ?? ""]
        }
        return
            "<p class=\"soft\">The serial fraction, by Karp and Flatt, from 1 and \(threads) threads: 0 % where threads "
            + "divide all of a part, 100 % where they divide none, more where they slow it down.</p>"
            + table(
                ["part"] + base.map { count($0.layout.threads, "thread") } + ["serial fraction"], rows, textColumns: [0]
            )
    }

    /// The layouts that were compared, the chosen ones marked.
    static func options(_ recommendation: Recommendation) -> Markup {
        let rows = recommendation.options.map { option in
            let marks = [
                recommendation.machine == option ? "this machine" : nil,
                recommendation.hosts == option ? "the hosts" : nil,
            ].compactMap { $0 }
            return [
                option.name, "\(option.hosts)", seconds(option.seconds),
                "\(seconds(option.low)) – \(seconds(option.high))", option.originText,
                marks.joined(separator: ", "),
            ]
        }
        return
            "<p class=\"soft\">Steps of the base's batch: what was measured, and the layouts that use all cores. Of those "
            + "whose intervals overlap the fastest one's, measured ones come first, then the simplest.</p>"
            + table(["layout", "hosts", "step", "interval", "", "recommended for"], rows, textColumns: [0, 4, 5])
    }
}
