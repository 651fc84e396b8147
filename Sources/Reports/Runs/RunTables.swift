import DTrainCore
import Pages

/// Tables of results and settings with a column for each run.
public struct RunTables {
    private let runs: [Run]

    /// Compares runs.
    public init(_ runs: [Run]) { self.runs = runs }

    /// Both tables as text for a terminal.
    public var text: String {
        let settings = settings
        let note =
            runs.contains { $0.settings == nil } && runs.count > 1
            ? "– means that no checkpoint records the settings.\n" : ""
        return results.text + (settings.rows.isEmpty ? "" : "\n" + settings.text + note)
    }

    /// The results.
    var results: Table {
        let speed = NumberUnit.large(of: runs.compactMap { $0.metrics?.meanSpeed })
        let time = NumberUnit.duration(of: runs.compactMap { $0.metrics?.stepSeconds })
        let units = Set(runs.map(\.units)).count == 1 ? runs[0].units : "tokens"
        let rows: [(String, (Run) -> String?)] = [
            ("parameters", { $0.parameterCount.map(\.grouped) }),
            ("epochs", { $0.epochs.map(\.grouped) }),
            ("steps", { $0.steps.map(\.grouped) }),
            ("train loss, last epoch", { $0.epochLoss.lastValue.map(loss) }),
            // Shown if no epoch is finished.
            ("train loss, last step", { $0.epochLoss.isEmpty ? $0.metrics?.loss.lastValue.map(loss) : nil }),
            ("lowest held-out loss", { $0.best.map { loss($0.loss) } }),
            ("epoch of lowest loss", { $0.best.map { $0.epoch.grouped } }),
            ("last held-out loss", { $0.latest.map { loss($0.loss) } }),
            (
                "speed, \(speed.name.isEmpty ? "" : speed.name + " ")\(units)/s",
                { $0.metrics?.meanSpeed.map(speed.text) }
            ),
            (
                "time in steps, \(time.name)",
                { $0.metrics.flatMap { $0.stepSeconds > 0 ? time.text($0.stepSeconds) : nil } }
            ),
            (
                "time in held-out evaluation, \(time.name)",
                { $0.metrics.flatMap { $0.heldOutSeconds > 0 ? time.text($0.heldOutSeconds) : nil } }
            ),
        ]
        return table(rows.map { row in (name: row.0, cells: runs.map(row.1)) })
    }

    /// The settings in which the runs differ; for a single run, those that differ from the
    /// defaults.
    var settings: Table {
        let known = runs.map(\.settings)
        let plain = Settings()
        var rows: [(name: String, cells: [String?])] = (Settings.modelSizes + Settings.training).compactMap { setting in
            let cells = known.map { $0.map(setting.text(in:)) }
            let others = runs.count == 1 ? cells + [setting.text(in: plain)] : cells
            return Set(others.compactMap { $0 }).count > 1 ? (name: setting.name, cells: cells) : nil
        }
        let texts = runs.map { $0.metadata?.corpusChecksum }
        if Set(texts.compactMap { $0 }).count > 1 {
            rows.append((name: "checksum of the text", cells: texts.map { $0.map { String($0.prefix(16)) } }))
        }
        let arithmetic = runs.map { $0.metadata?.arithmetic }
        if Set(arithmetic.compactMap { $0 }).count > 1 { rows.append((name: "arithmetic", cells: arithmetic)) }
        return table(rows)
    }

    /// The table of the rows with at least one value.
    private func table(_ rows: [(name: String, cells: [String?])]) -> Table {
        Table(
            [""] + runs.map(\.name),
            rows.filter { row in row.cells.contains { $0 != nil } }.map { row in
                [row.name] + row.cells.map { $0 ?? "–" }
            })
    }
}

/// A loss in nats with three decimals, since runs often differ only in the third.
func loss(_ value: Double) -> String { decimal(value, 3) }
