import Testing

@testable import DTrainCore

/// Settings that contradict each other or that have no effect.
@Suite struct ConflictTests {
    private func usageMessage(_ settings: Settings, given: Settings? = nil) throws -> String {
        try requireError(.usage) { try settings.requireValid(given: given) }.description
    }

    private func settings(_ change: (inout Settings) -> Void) -> Settings {
        var settings = Settings()
        change(&settings)
        return settings
    }

    @Test func statefulTrainingExcludesShuffling() throws {
        var settings = settings { $0[.stateful] = true }
        try settings.requireValid()
        #expect(!settings[.shuffle])
        // A resume reads the stored settings of the checkpoint.
        #expect(settings.stored.isGiven(.shuffle) && !settings.stored[.shuffle])
        try settings.stored.requireValid()
        settings[.shuffle] = true
        #expect(
            try usageMessage(settings)
                == "`stateful` carries states along the text, which `shuffle` would mix up; leave one of them out")
    }

    @Test func scheduledSamplingConflictsAreRejected() throws {
        var settings = settings { ($0[.stateful], $0[.scheduledSampling]) = (true, 0.1) }
        #expect(
            try usageMessage(settings).hasPrefix(
                "`scheduled-sampling` feeds the model characters that aren't in the text"))
        settings[.scheduledSampling] = 0
        try settings.requireValid()
        let ramp = self.settings { $0[.scheduledSamplingRamp] = 2 }
        #expect(
            try usageMessage(ramp, given: ramp)
                == "`scheduled-sampling-ramp` has no effect without `scheduled-sampling`; add that, or leave it out")
    }

    /// P(step) = P · min(1, step / (E · steps per epoch)).
    @Test func scheduledSamplingRisesAlongItsRamp() {
        let settings = settings { ($0[.scheduledSampling], $0[.scheduledSamplingRamp]) = (0.4, 2.5) }
        for (step, probability) in [(0, 0), (1, 0.4 / 25), (10, 0.16), (25, 0.4), (1000, 0.4)] {
            #expect(abs(settings.scheduledSampling(step: step, stepsPerEpoch: 10) - probability) < 1e-15)
        }
        let atOnce = self.settings { ($0[.scheduledSampling], $0[.scheduledSamplingRamp]) = (1, 0) }
        #expect(atOnce.scheduledSampling(step: 0, stepsPerEpoch: 10) == 1)
        #expect(Settings().scheduledSampling(step: 9, stepsPerEpoch: 1) == 0)
    }

    @Test func validationSplitAndValidationDataExcludeEachOther() throws {
        var settings = settings { $0[.validationSplit] = 0.1 }
        try settings.requireValid()
        settings[.validationData] = "other.txt"
        #expect(try usageMessage(settings).hasPrefix("`validation-split` and `validation-data` both"))
        settings[.validationSplit] = nil
        try settings.requireValid()
    }

    @Test func validationSettingsNeedHeldOutData() throws {
        let dependent = [
            settings { $0[.earlyStopping] = 3 }, settings { $0[.validateEverySteps] = 10 },
            settings { $0[.minDelta] = 0.1 },
        ]
        for (var settings, name) in zip(dependent, ["early-stopping", "validate-every-steps", "min-delta"]) {
            #expect(
                try usageMessage(settings)
                    == "`\(name)` needs held-out data; add `validation-split` or `validation-data`, or leave it out")
            settings[.validationSplit] = 0.1
            try settings.requireValid()
        }
        try settings { $0[.earlyStopping] = nil }.requireValid()
    }

    @Test func clipNormAndClipValueExcludeEachOther() throws {
        var settings = settings { ($0[.clipNorm], $0[.clipValue]) = (1, 0.5) }
        #expect(try usageMessage(settings).hasPrefix("`clip-norm` and `clip-value` exclude each other;"))
        settings[.clipNorm] = nil
        try settings.requireValid()
    }

    @Test(arguments: [ScheduleKind.exponential, .step])
    func exponentialAndStepSchedulesNeedDecaySteps(kind: ScheduleKind) throws {
        var settings = settings { $0[.schedule] = kind }
        #expect(try usageMessage(settings).hasSuffix("; add `decay-steps`"))
        settings[.decaySteps] = .epochs(0.5)
        try settings.requireValid()
    }

    @Test func givenSettingsThatTheOptimizerIgnoresAreRejected() throws {
        var settings = settings { $0[.rho] = 0.5 }
        #expect(
            try usageMessage(settings)
                == "`rho` has no effect with `optimizer` adam; leave it out, or use `optimizer` rmsprop")
        // Stored by a checkpoint, not given.
        try settings.requireValid(given: Settings())
        settings[.optimizer] = .rmsprop
        try settings.requireValid()
        settings[.beta2] = 0.99
        #expect(try usageMessage(settings).hasSuffix("; leave it out, or use `optimizer` adam or adamw"))
    }

    @Test func givenSettingsThatTheScheduleIgnoresAreRejected() throws {
        var settings = settings { $0[.finalLearningRate] = 0.5 }
        #expect(try usageMessage(settings).hasPrefix("`final-learning-rate` has no effect with `schedule` constant;"))
        try settings.requireValid(given: Settings())
        settings[.schedule] = .linear
        try settings.requireValid()
        settings[.decayRate] = 0.5
        #expect(try usageMessage(settings).hasSuffix("; leave it out, or use `schedule` exponential or step"))
        // A warm-up also works with a constant rate.
        try self.settings { $0[.warmupSteps] = .steps(5) }.requireValid()
    }

    @Test func valuesOutsideTheirRangesAreInvalid() {
        let bad: [(inout Settings) -> Void] = [
            { $0[.beta1] = 1 }, { $0[.beta2] = -0.1 }, { $0[.rho] = 1 }, { $0[.momentum] = .nan }, { $0[.epsilon] = 0 },
            { $0[.weightDecay] = -1 }, { $0[.clipValue] = 0 }, { $0[.warmupSteps] = .steps(-1) },
            { $0[.decayStart] = .epochs(.infinity) }, { $0[.decaySteps] = .steps(0) }, { $0[.decayRate] = 0 },
            { $0[.decayRate] = 1.1 }, { $0[.finalLearningRate] = -1 }, { $0[.dropout] = 1 },
            { $0[.recurrentDropout] = -0.1 }, { $0[.validationSplit] = 1 }, { $0[.validationSplit] = 0 },
            { $0[.validateEverySteps] = 0 }, { $0[.earlyStopping] = 0 }, { $0[.minDelta] = -1 },
        ]
        for (index, change) in bad.enumerated() { #expect(!settings(change).areValid, "\(index)") }
    }
}
