import Pages

/// The report: one self-contained HTML page.
public enum Report {
    /// The whole page.
    public static func html(_ experiment: Experiment) -> String {
        Page(title: "dtrain scaling report", body: body(experiment)).html
    }

    private static func body(_ experiment: Experiment) -> Markup {
        """
        <h1>\(title(experiment))</h1>
        <p class="soft">\(subtitle(experiment.setting))</p>
        \(Parts.verdict(experiment.verdict))
        \(tiles(experiment))
        <h2>Measured</h2>
        <p>\(sharing(experiment))</p>
        \(MeasuredCharts(experiment).html)
        \(Tables.measured(experiment).html)
        \(Parts.notes(EfficiencyNotes(experiment).sentences))
        \(Definitions.html(experiment))
        <h2>The split of a step</h2>
        \(Parts.charts(of: [StepBars.html(bars(experiment))]))
        <h2>The exchange of gradients</h2>
        \(exchanged(experiment))
        <h2>Threads of one process</h2>
        \(ThreadSection.html(experiment))
        <h2>Ranks × threads</h2>
        \(Tables.options(experiment.recommendation))
        <h2>Measured against predicted</h2>
        \(checked(experiment))
        <h2>Predicted to 1,024 ranks</h2>
        \(projected(experiment))
        <h2>The machine</h2>
        \(MachineLists.machine(experiment))
        <h2>The fitted model</h2>
        \(MachineLists.model(experiment))
        <p class="soft note">All raw data: steps.csv, summary.csv and experiment.json beside this file.
        docs/scaling.md of dtrain has the definitions and formulas.</p>
        """
    }

    private static func title(_ experiment: Experiment) -> String {
        let most = experiment.measurements.map(\.layout).max { $0.ranks < $1.ranks }
        guard let most, !experiment.isOneMachine else { return "Scaling of dtrain on one machine" }
        return "Scaling of dtrain on \(most.machines) machines"
    }

    private static func subtitle(_ setting: Experiment.Setting) -> String {
        let unfinished = setting.unfinished.map { " · stopped after \($0)" } ?? ""
        return "\(setting.model) · \(setting.date)\(unfinished)"
    }

    private static func tiles(_ experiment: Experiment) -> Markup {
        let scaled = experiment.measurements.filter(\.plan.isScaled)
        var tiles = [
            (
                seconds(experiment.base.seconds.median),
                "per step of the base: one unbound process, \(count(experiment.base.layout.threads, "thread"))"
            )
        ]
        if let fastest = scaled.max(by: { $0.tokensPerSecond < $1.tokensPerSecond }) {
            tiles.append(
                (
                    threeDigits(experiment.speedup(fastest)) + " ×",
                    "the base's throughput at best, with \(count(fastest.layout.ranks, "rank"))"
                ))
        }
        if let link = experiment.model.network ?? experiment.model.sharedMemory, let bandwidth = link.bandwidth {
            let place = link.kind == .network ? "of a host's link" : "of a core's share in shared memory"
            tiles.append((bytes(bandwidth) + "/s", "\(place), \(seconds(link.secondsPerMessage)) per message (fitted)"))
        }
        if let error = experiment.largestError {
            tiles.append((percent(error), "largest error of a prediction for trainings left out of the fit"))
        }
        return Parts.tiles(tiles.map { (number: $0.0, words: $0.1) })
    }

    private static func sharing(_ experiment: Experiment) -> String {
        let most = experiment.measurements.map(\.layout).filter { $0.ranks > 1 }.max { $0.ranks < $1.ranks }
        let cores =
            most?.isOversubscribed == true
            ? " Workers that outnumber the cores take turns: compute is divided by cores, not by ranks." : ""
        let setting = experiment.setting
        let coverage = experiment.base.seconds.coverage
        let interval =
            coverage > 0
            ? "the interval encloses the median with \(percent(coverage))."
            : "one run has no interval: raise --repeats."
        return (most.map { "\($0.label).\(cores) " } ?? "")
            + "Medians of \(count(setting.repeats, "run")) of \(count(setting.steps, "step")) after \(setting.warmUp) of warm-up; "
            + interval
    }

    private static func exchanged(_ experiment: Experiment) -> Markup {
        guard experiment.measurements.contains(where: { $0.layout.ranks > 1 }) else {
            return "<p>A single rank exchanges nothing.</p>"
        }
        return Parts.notes([
            "exchange: its seconds without computing; hidden: its overlap with computing. algbw: gradient bytes per second of the "
                + "exchange; busbw: algbw × 2(n − 1)/n. The series exchange computes almost nothing, so its exchange isn't hidden."
        ]) + Tables.exchanges(experiment).html
    }

    private static func bars(_ experiment: Experiment) -> [(name: String, parts: StepParts)] {
        let base = (name: "base: \(processText(experiment.base.layout))", experiment.base.parts)
        let series: [Series] = [.strong, .weak]
        return [base]
            + series.flatMap { series in
                experiment.measured(series).map { ("\(series.rawValue): \(rankText($0.layout))", $0.parts) }
            }
    }

    private static func checked(_ experiment: Experiment) -> Markup {
        let note =
            "Each number of ranks is predicted by a model that was fitted without the trainings on that number of ranks: from "
            + "single processes, trainings on other numbers of ranks, and exchanges with almost nothing to compute."
        guard !experiment.checks.isEmpty else {
            return "<p>\(note) No training on several ranks was measured.</p>"
        }
        return "<p>\(note)</p>" + Tables.checks(experiment).html
    }

    private static func projected(_ experiment: Experiment) -> Markup {
        guard let first = experiment.projections.first, let point = first.points.first else {
            return "<p>There are no predictions.</p>"
        }
        let hosts =
            "One rank per host, each with a thread on each of \(count(point.cores, "core")), like the measured ones. "
            + (first.link.origin == .assumed
                ? "No network was measured: the networks are assumed, and every point above one rank extrapolates. "
                : "Beyond \(count(experiment.model.mostRanks, "rank")) the points extrapolate. ")
            + "These are predictions, not measurements."
        return "<p>\(hosts)</p>" + ProjectedCharts(experiment).html + Tables.projections(experiment)
    }
}

/// A description of a process without a launcher.
func processText(_ layout: Layout) -> String { "1 process × \(count(layout.threads, "thread"))" }

/// A description of ranks and threads, and whether they share cores.
func rankText(_ layout: Layout) -> String {
    "\(count(layout.ranks, "rank")) × \(count(layout.threads, "thread"))\(sharedCores(layout))"
}

/// The number of cores where workers outnumber them; empty otherwise.
func sharedCores(_ layout: Layout) -> String {
    layout.isOversubscribed ? " on \(count(layout.coresPerMachine * layout.machines, "core"))" : ""
}
