import DTrainCore

/// A measurement of the held-out loss.
struct HeldOutLoss: Hashable {
    /// In nats per character or byte.
    let loss: Double
    /// The epoch in which it was measured, from 1.
    let epoch: Int
    /// Optimiser steps before it; 0 where the file has no steps.
    let step: Int
    /// Whether the epoch was finished.
    let endsEpoch: Bool

    /// Whether both were measured at the same point of a training.
    func isAtPoint(of other: HeldOutLoss) -> Bool { (step, epoch) == (other.step, other.epoch) }
}

extension CheckpointMetadata {
    /// The least held-out loss until the checkpoint; nil where none was measured.
    var bestHeldOut: HeldOutLoss? {
        guard let progress, let validation = progress.validation, let loss = validation.bestLoss else { return nil }
        let step = validation.bestStep
        // All epochs have as many steps.
        let steps = progress.epoch > 0 ? (progress.step - progress.stepInEpoch) / progress.epoch : 0
        guard steps > 0 else { return HeldOutLoss(loss: loss, epoch: progress.epoch + 1, step: step, endsEpoch: false) }
        return HeldOutLoss(
            loss: loss, epoch: (step - 1) / steps + 1, step: step, endsEpoch: step.isMultiple(of: steps))
    }

    /// The last held-out loss before the checkpoint; nil where it isn't kept.
    var latestHeldOut: HeldOutLoss? {
        guard let progress, let validation = progress.validation, let best = bestHeldOut else { return nil }
        // What starts the patience anew is the least so far.
        if validation.waited == 0 || best.step == progress.step { return best }
        // Of measurements inside an epoch only the least is kept.
        guard progress.stepInEpoch == 0 || settings?[.validateEverySteps] == nil else { return nil }
        return validation.epochLosses.last.map {
            HeldOutLoss(
                loss: $0, epoch: progress.epoch, step: progress.step - progress.stepInEpoch, endsEpoch: true)
        }
    }
}
