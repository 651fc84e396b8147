import Pages
import Scaling

/// The summary that `dtrain scale` prints: the measured trainings, the error of predictions, and
/// the verdict.
enum ScaleSummary {
    static func text(_ experiment: Experiment) -> String {
        let unfinished = experiment.setting.unfinished.map { "stopped after \($0)\n" } ?? ""
        let notes = EfficiencyNotes(experiment).sentences + predictions(experiment)
        return unfinished + Tables.measured(experiment, isShort: true).text + paragraph(notes)
            + paragraph(experiment.verdict)
    }

    /// The sentences, one per line, after an empty line; empty for no sentences.
    private static func paragraph(_ sentences: [String]) -> String {
        sentences.isEmpty ? "" : "\n" + sentences.map { $0 + "\n" }.joined()
    }

    private static func predictions(_ experiment: Experiment) -> [String] {
        let next = experiment.threadCurve.first { $0.seconds == nil && $0.extrapolates.isEmpty == false }
        let further = next.map { point in
            "Predicted: 1 process × \(count(point.threads, "thread")) on as many cores, \(seconds(point.predictedSeconds)) per step."
        }
        let error = experiment.largestError.map {
            "Predictions for trainings left out of the fit are off by at most \(percent($0))."
        }
        return [further, error].compactMap(\.self)
    }
}
