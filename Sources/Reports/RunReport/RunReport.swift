import DTrainCore
import Pages

/// The report on one run, or on several side by side.
public enum RunReport {
    /// The HTML of the page.
    ///
    /// - Parameters:
    ///   - runs: at most `Run.maximumPerPage`.
    ///   - samples: the sample texts of each run.
    public static func html(_ runs: [Run], samples: [[SampleText]]) -> String {
        Page(title: "dtrain: \(title(runs))", body: body(runs, samples)).html
    }

    /// The losses by epoch as a standalone SVG picture.
    ///
    /// - Throws: `DTrainError` with `badData` if no epoch is finished.
    public static func picture(_ runs: [Run]) throws -> String {
        guard let chart = RunCharts(runs).losses else {
            throw DTrainError(
                .badData,
                "no epoch is finished in '\(runs.map(\.name).joined(separator: "', '"))'; finish one, or write a page (.html)"
            )
        }
        return chart.picture
    }

    private static func title(_ runs: [Run]) -> String {
        runs.count == 1 ? "run \(runs.first?.name ?? "")" : "\(runs.count) runs"
    }

    private static func body(_ runs: [Run], _ samples: [[SampleText]]) -> Markup {
        let charts = RunCharts(runs)
        let tables = RunTables(runs)
        let remarks = runs.flatMap(\.remarks).map { remark -> Markup in "<p class=\"soft\">Note: \(remark).</p>" }
        return """
            <h1>\(runs.count == 1 ? "Run “\(runs.first?.name ?? "")”" : "\(runs.count) runs side by side")</h1>
            <p class="soft">\(sources(runs))</p>
            \(Parts.verdict([RunVerdict.text(runs)]))
            \(remarks.joined(separator: "\n"))
            \(tables.results.html)
            <h2>Losses</h2>
            \(losses(runs, charts))
            <h2>By step</h2>
            \(steps(charts))
            <h2>Where the time went</h2>
            \(TimeBars.html(runs))
            <h2>\(runs.count == 1 ? "Settings other than the defaults" : "Settings that differ")</h2>
            \(settings(runs, tables.settings))
            <h2>Sample texts of the checkpoints</h2>
            \(SampleSection.html(runs, samples))
            """
    }

    private static func sources(_ runs: [Run]) -> String {
        let files = runs.map { run in
            [run.metrics?.path, run.folder.map { "checkpoints in \($0)" }].compactMap { $0 }.joined(separator: ", ")
        }
        return "From " + files.joined(separator: "; ")
    }

    private static func losses(_ runs: [Run], _ charts: RunCharts) -> Markup {
        guard let chart = charts.losses else { return "<p>No epoch is finished yet.</p>" }
        let epochs = Set(runs.flatMap { ($0.epochLoss.points + $0.epochHeldOut.points).map { Int($0.x) } }).sorted()
        let columns = runs.flatMap { run -> [(name: String, losses: [Int: Double])] in
            let name = runs.count > 1 ? "\(run.name): " : ""
            return [("\(name)train", run.epochLoss), ("\(name)held out", run.epochHeldOut)].filter { !$0.1.isEmpty }
                .map { ($0.0, Dictionary($0.1.points.map { (Int($0.x), $0.y) }) { $1 }) }
        }
        let table = Table(
            ["epoch"] + columns.map(\.name),
            epochs.map { epoch in [epoch.grouped] + columns.map { $0.losses[epoch].map(loss) ?? "" } })
        return note(charts.mergedEpochs, "epochs") + Parts.charts([chart])
            + Parts.details("The same as a table", table.html)
    }

    private static func steps(_ charts: RunCharts) -> Markup {
        let all = charts.bySteps
        guard !all.isEmpty else {
            return "<p>No metrics file was found. Train with --metrics FILE to see curves here.</p>"
        }
        return note(charts.mergedSteps, "steps") + Parts.charts(all)
    }

    private static func note(_ merged: Int?, _ unit: String) -> Markup {
        merged.map { "<p class=\"soft\">A point is the mean of up to \($0.grouped) \(unit).</p>" } ?? ""
    }

    private static func settings(_ runs: [Run], _ table: Table) -> Markup {
        let known = runs.filter { $0.settings != nil }
        guard !known.isEmpty else { return "<p>No checkpoint was found; settings are read from checkpoints.</p>" }
        guard !table.rows.isEmpty else {
            return runs.count == 1
                ? "<p>All settings have their defaults.</p>" : "<p>The recorded settings are the same.</p>"
        }
        return table.html
    }
}
