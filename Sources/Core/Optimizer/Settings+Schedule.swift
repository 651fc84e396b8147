extension Settings {
    /// The learning-rate schedule that these settings describe.
    ///
    /// - Parameters:
    ///   - stepsPerEpoch: the number of steps in an epoch.
    ///   - horizon: the number of steps planned when the run first started.
    package func schedule(stepsPerEpoch: Int, horizon: Int) -> LearningRateSchedule {
        let warmup = self[.warmupSteps].steps(perEpoch: stepsPerEpoch)
        let start = self[.decayStart].steps(perEpoch: stepsPerEpoch)
        return LearningRateSchedule(
            self[.schedule], learningRate: self[.learningRate], warmupSteps: warmup, decayStart: start,
            // A part of an epoch may round to no step.
            decaySteps: self[.decaySteps].map { max(1, $0.steps(perEpoch: stepsPerEpoch)) }
                ?? max(0, horizon - warmup - start),
            decayRate: self[.decayRate], finalLearningRate: self[.finalLearningRate])
    }

    /// The number of steps that these settings plan for a run.
    package func horizon(stepsPerEpoch: Int) -> Int {
        StepCount.epochs(Double(self[.epochs])).steps(perEpoch: stepsPerEpoch)
    }

    /// Whether the learning rate changes after the warm-up; a checkpoint then stores the horizon.
    package var hasHorizon: Bool { self[.schedule] != .constant }
}
