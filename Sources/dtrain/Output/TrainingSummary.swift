import DTrainCore
import DTrainDistributed
import Pages

/// The summary of a finished training, with suggestions.
struct TrainingSummary {
    /// The model, text and settings of the training.
    let overview: TrainingOverview
    /// The last epoch, which may be unfinished.
    let epoch: Int
    /// The mean loss of the last epoch.
    let loss: Double
    /// The steps of this process and their wall seconds.
    let steps: Int, seconds: Double
    /// The held-out losses of this process, in order.
    let heldOut: [ValidationReport]

    /// A held-out loss above the lowest by this factor has risen beyond noise.
    private static let rise = 1.01

    /// The lines: results, then suggestions.
    var lines: [String] { [work, losses] + advice.map { "try: \($0)" } }

    private var work: String {
        let rate = Double(steps * overview.batchSize * overview.sequenceLength) / seconds
        return
            "trained to epoch \(epoch.grouped): \(steps.grouped) steps in \(seconds.clock), \(rate.short) \(overview.tokenUnit)/s"
    }

    private var losses: String {
        var text = "loss \(loss.fixed(4))"
        if let last = heldOut.last { text += ", held out \(last.loss.fixed(4))" }
        if let best = heldOut.last(where: \.isBest), best.step != heldOut.last?.step {
            text += " (lowest \(best.loss.fixed(4)), in epoch \(best.epoch))"
        }
        return text
    }

    private var advice: [String] {
        let best = heldOut.isEmpty ? "" : " --best"
        let generate =
            "dtrain generate --checkpoint \(overview.checkpointDirectory.shellWord)\(best) --prompt \(overview.opening.shellWord)"
        return (overview.opening.isEmpty ? [] : [generate]) + [learning].compactMap(\.self)
    }

    /// A suggestion from the losses.
    private var learning: String? {
        guard overview.heldOut != nil else {
            return "--validation-split 0.1, to measure the loss on unseen text"
        }
        guard let last = heldOut.last, let best = heldOut.last(where: \.isBest), last.loss > best.loss * Self.rise
        else {
            return nil
        }
        return overview.usesDropout
            ? "a higher --dropout: the held-out loss rose after epoch \(best.epoch)"
            : "--dropout 0.3: the held-out loss rose after epoch \(best.epoch)"
    }
}
