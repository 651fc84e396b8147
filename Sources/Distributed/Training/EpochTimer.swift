import DTrainCore

/// Times the steps of one epoch in this process and creates their reports.
final class EpochTimer {
    private let start = Clock.seconds
    /// The seconds of the epoch not spent on steps.
    private var excluded = 0.0
    /// The number of steps of the epoch done by an earlier process.
    private let firstStep: Int
    private let stepsPerEpoch: Int
    /// The number of tokens per step.
    private let tokens: Int

    /// Starts the clock at the given progress.
    init(_ progress: TrainingProgress, stepsPerEpoch: Int, tokens: Int) {
        firstStep = progress.stepInEpoch
        self.stepsPerEpoch = stepsPerEpoch
        self.tokens = tokens
    }

    /// Excludes time that was not spent on steps, such as a validation.
    func exclude(_ seconds: Double) { excluded += seconds }

    private func seconds(until now: Double) -> Double { now - start - excluded }

    /// Returns the report of a step that ran from `stepStart` to `now`, in `Clock.seconds`.
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

    /// Returns the report of the epoch right after its last step.
    func epoch(_ number: Int, loss: Double) -> EpochReport {
        let seconds = seconds(until: Clock.seconds)
        let steps = stepsPerEpoch - firstStep
        return EpochReport(
            epoch: number, loss: loss, seconds: seconds, steps: stepsPerEpoch,
            meanSeconds: steps > 0 ? seconds / Double(steps) : 0,
            tokensPerSecond: Double(steps * tokens) / max(seconds, 1e-9))
    }
}
