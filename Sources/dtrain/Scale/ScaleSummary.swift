import Scaling

/// What `dtrain scale` prints at its end.
enum ScaleSummary {
    static func text(_ experiment: Experiment) -> String {
        let base = experiment.base
        let unfinished = experiment.setting.unfinished.map { ["stopped after \($0)"] } ?? []
        var lines = unfinished
        lines.append("base: 1 process × \(base.layout.threads) threads, \(milliseconds(base.seconds.median)) ms a step")
        for series in [Series.strong, .weak] {
            for measurement in experiment.measured(series) {
                lines.append(
                    "\(series.rawValue), \(measurement.layout.label): \(milliseconds(measurement.seconds.median)) ms a step, "
                        + "efficiency \((experiment.efficiency(measurement) * 100).fixed(1)) %")
            }
        }
        for check in experiment.checks {
            let fitted = check.fittedTo.map(String.init).joined(separator: ", ")
            lines.append(
                "\(check.series.rawValue), \(check.ranks) ranks predicted from trainings on \(fitted): "
                    + "\(milliseconds(check.predictedSeconds)) ms, error \((check.error * 100).fixed(1)) %")
        }
        return (lines + [experiment.verdict]).map { $0 + "\n" }.joined()
    }

    private static func milliseconds(_ seconds: Double) -> String { (seconds * 1000).fixed(2) }
}
