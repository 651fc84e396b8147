import DTrainCore
import DTrainDistributed
import Pages

/// The table of the mean time per phase of a step.
struct ProfileTable {
    private var sum = StepProfile()
    private var steps = 0
    /// The number of skipped first steps, which touch memory for the first time.
    private var skipped = 0

    /// Adds a step if it was profiled.
    mutating func add(_ report: StepReport) {
        guard let profile = report.profile else { return }
        guard skipped >= 2 else {
            skipped += 1
            return
        }
        sum += profile
        steps += 1
    }

    /// The table as text; nil if nothing was measured.
    var text: String? {
        guard steps > 0, sum.total > 0 else { return nil }
        let lines = sum.parts.map { part in row(part.name, part.seconds) } + [row("step", sum.total)]
        let milliseconds = (sum.hiddenExchange / Double(steps) * 1000).fixed(2)
        let hidden = sum.hiddenExchange > 0 ? ["  another \(milliseconds) ms of exchange overlap with computing"] : []
        return (["mean of \(steps) steps on rank 0:"] + lines + hidden).joined(separator: "\n")
    }

    private func row(_ name: String, _ seconds: Double) -> String {
        let milliseconds = (seconds / Double(steps) * 1000).fixed(2)
        let percent = (seconds / sum.total * 100).fixed(1)
        func right(_ text: String, _ width: Int) -> String {
            String(repeating: " ", count: max(0, width - text.count)) + text
        }
        return "  " + name + right(milliseconds, 34 - name.count) + " ms" + right(percent, 8) + " %"
    }
}
