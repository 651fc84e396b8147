import DTrainCore
import DTrainDistributed
import Pages

/// What a training that has come to its end says of itself, and what to try next.
struct TrainingSummary {
    /// What was trained.
    let overview: TrainingOverview
    /// The last epoch, or what was done of it.
    let epoch: Int
    /// Mean loss of the last epoch.
    let loss: Double
    /// Steps done in this process, and the wall seconds that they took.
    let steps: Int, seconds: Double
    /// The held-out losses of this process, in order.
    let heldOut: [ValidationReport]

    /// A held-out loss that is higher by this factor than the least has risen, not just wavered.
    private static let rise = 1.01

    /// Lines: what was done, then commands.
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
            text += " (least \(best.loss.fixed(4)), in epoch \(best.epoch))"
        }
        return text
    }

    private var advice: [String] {
        let best = heldOut.isEmpty ? "" : " --best"
        let generate =
            "dtrain generate --checkpoint \(overview.checkpointDirectory.shellWord)\(best) --prompt \(overview.opening.shellWord)"
        return (overview.opening.isEmpty ? [] : [generate]) + [learning].compactMap(\.self)
    }

    /// What the losses suggest.
    private var learning: String? {
        guard overview.heldOut != nil else {
            return "--validation-split 0.1, to see how it does on text that it hasn't read"
        }
        guard let last = heldOut.last, let best = heldOut.last(where: \.isBest), last.loss > best.loss * Self.rise
        else {
            return nil
        }
        return overview.usesDropout
            ? "more --dropout: the held-out loss rose after epoch \(best.epoch)"
            : "--dropout 0.3: the held-out loss rose after epoch \(best.epoch)"
    }
}
