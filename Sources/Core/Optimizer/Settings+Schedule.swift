extension Settings {
    /// The schedule that these settings describe.
    ///
    /// - Parameters:
    ///   - stepsPerEpoch: the steps of an epoch.
    ///   - horizon: the steps of the training as it was planned at its first start.
    package func schedule(stepsPerEpoch: Int, horizon: Int) -> LearningRateSchedule {
        let warmup = self[.warmupSteps].steps(perEpoch: stepsPerEpoch)
        let start = self[.decayStart].steps(perEpoch: stepsPerEpoch)
        return LearningRateSchedule(
            self[.schedule], learningRate: self[.learningRate], warmupSteps: warmup, decayStart: start,
            decaySteps: self[.decaySteps]?.steps(perEpoch: stepsPerEpoch) ?? max(0, horizon - warmup - start),
            decayRate: self[.decayRate], finalLearningRate: self[.finalLearningRate])
    }

    /// The steps of a training that these settings plan.
    package func horizon(stepsPerEpoch: Int) -> Int {
        StepCount.epochs(Double(self[.epochs])).steps(perEpoch: stepsPerEpoch)
    }

    /// Whether the learning rate changes after the warm-up, so that a checkpoint keeps the horizon.
    package var hasHorizon: Bool { self[.schedule] != .constant }
}
