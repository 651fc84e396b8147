import DTrainCore

/// A measurement of the held-out loss.
struct HeldOutLoss: Hashable {
    /// In nats per character or byte.
    let loss: Double
    /// The epoch in which it was measured, from 1.
    let epoch: Int
    /// Optimizer steps before it; 0 if the file has no steps.
    let step: Int
    /// Whether the epoch was finished.
    let endsEpoch: Bool

    /// Whether both were measured at the same point of a run.
    func isAtPoint(of other: HeldOutLoss) -> Bool { (step, epoch) == (other.step, other.epoch) }
}

extension CheckpointMetadata {
    /// The lowest held-out loss up to the checkpoint; nil if none was measured or its checkpoint was
    /// lost.
    var bestHeldOut: HeldOutLoss? {
        guard let progress, let validation = progress.validation, let loss = validation.bestLoss else { return nil }
        let step = validation.bestStep
        // All epochs have the same number of steps.
        let steps = progress.epoch > 0 ? (progress.step - progress.stepInEpoch) / progress.epoch : 0
        guard steps > 0 else { return HeldOutLoss(loss: loss, epoch: progress.epoch + 1, step: step, endsEpoch: false) }
        return HeldOutLoss(
            loss: loss, epoch: (step - 1) / steps + 1, step: step, endsEpoch: step.isMultiple(of: steps))
    }

    /// The last held-out loss before the checkpoint; nil if the checkpoint doesn't record it.
    var latestHeldOut: HeldOutLoss? {
        guard let progress, let validation = progress.validation else { return nil }
        // A measurement that resets the patience is the lowest so far.
        if let best = bestHeldOut, validation.waited == 0 || best.step == progress.step { return best }
        // A checkpoint records only the lowest of the measurements inside an epoch.
        guard progress.stepInEpoch == 0 || settings?[.validateEverySteps] == nil else { return nil }
        return validation.epochLosses.last.map {
            HeldOutLoss(
                loss: $0, epoch: progress.epoch, step: progress.step - progress.stepInEpoch, endsEpoch: true)
        }
    }
}
