import Scaling

/// What `dtrain scale` prints at its end.
enum ScaleSummary {
    static func text(_ experiment: Experiment) -> String {
        let base = experiment.base
        let unfinished = experiment.setting.unfinished.map { ["stopped after \($0)"] } ?? []
        var lines = unfinished
        lines.append("base: \(process(base.layout.threads)), \(milliseconds(base.seconds.median)) ms a step")
        lines += threads(experiment.threadCurve)
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
        return (lines + [experiment.verdict, experiment.recommendation.sentence]).map { $0 + "\n" }.joined()
    }

    /// The measured numbers of threads, and the next one predicted.
    private static func threads(_ curve: [ThreadPoint]) -> [String] {
        let measured = curve.filter { $0.seconds != nil }
        let next = curve.first { $0.seconds == nil && $0.threads > (measured.last?.threads ?? 0) }
        return (measured + [next].compactMap { $0 }).map { point in
            let place = point.hasCoreForEach ? "" : " on \(point.cores == 1 ? "1 core" : "\(point.cores) cores")"
            let name = process(point.threads) + place
            let origin = point.seconds == nil ? ", predicted" : ""
            let speedup = point.speedup.map { ", speed-up \($0.fixed(2))" } ?? ""
            let check = point.error.map { ", predicted unseen with error \(($0 * 100).fixed(1)) %" } ?? ""
            return "threads, \(name): \(milliseconds(point.bestSeconds)) ms a step\(origin)\(speedup)\(check)"
        }
    }

    private static func process(_ threads: Int) -> String {
        "1 process × \(threads == 1 ? "1 thread" : "\(threads) threads")"
    }

    private static func milliseconds(_ seconds: Double) -> String { (seconds * 1000).fixed(2) }
}
