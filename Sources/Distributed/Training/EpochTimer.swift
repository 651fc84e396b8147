import DTrainCore

/// Times the steps of one epoch in this process, and makes the reports of them.
final class EpochTimer {
    private let start = Clock.seconds
    /// Seconds of the epoch that went into something else than steps.
    private var excluded = 0.0
    /// Steps of the epoch that an earlier process has done.
    private let firstStep: Int
    private let stepsPerEpoch: Int
    /// Tokens of a step.
    private let tokens: Int

    /// Starts at a point in a training.
    init(_ progress: TrainingProgress, stepsPerEpoch: Int, tokens: Int) {
        firstStep = progress.stepInEpoch
        self.stepsPerEpoch = stepsPerEpoch
        self.tokens = tokens
    }

    /// Leaves out seconds that went into something else than steps.
    func exclude(_ seconds: Double) { excluded += seconds }

    private func seconds(until now: Double) -> Double { now - start - excluded }

    /// The report of a step that began and ended at these moments.
    func step(
        _ progress: TrainingProgress, loss: Float, gradientNorm: Double, learningRate: Double, from stepStart: Double,
        to now: Double, profile: StepProfile?, gradientBytes: Int?
    ) -> StepReport {
        StepReport(
            step: progress.step, epoch: progress.epoch + 1, stepInEpoch: progress.stepInEpoch,
            stepsPerEpoch: stepsPerEpoch, loss: loss, gradientNorm: gradientNorm, learningRate: learningRate,
            epochLoss: progress.lossSum / Double(progress.stepInEpoch), seconds: now - stepStart,
            epochSeconds: seconds(until: now),
            meanSeconds: seconds(until: now) / Double(progress.stepInEpoch - firstStep),
            tokens: tokens, profile: profile, gradientBytes: gradientBytes)
    }

    /// The report of the epoch, whose last step has just ended.
    func epoch(_ number: Int, loss: Double) -> EpochReport {
        let seconds = seconds(until: Clock.seconds)
        let steps = stepsPerEpoch - firstStep
        return EpochReport(
            epoch: number, loss: loss, seconds: seconds, steps: stepsPerEpoch,
            meanSeconds: seconds / Double(max(1, steps)), tokensPerSecond: Double(steps * tokens) / max(seconds, 1e-9))
    }
}
