import Testing

@testable import DTrainCore

/// Conversion between optimizers and settings.
@Suite struct OptimizerSettingsTests {
    @Test func eachOptimizerUsesItsOwnSettings() throws {
        var settings = Settings()
        #expect(settings.makeOptimizer() as? Adam == Adam())
        (settings[.beta1], settings[.beta2], settings[.epsilon]) = (0.1, 0.2, 0.3)
        (settings[.rho], settings[.momentum], settings[.weightDecay]) = (0.4, 0.5, 0.6)
        #expect(settings.makeOptimizer() as? Adam == Adam(beta1: 0.1, beta2: 0.2, epsilon: 0.3))
        settings[.optimizer] = .adamw
        #expect(
            settings.makeOptimizer() as? AdamW == AdamW(beta1: 0.1, beta2: 0.2, epsilon: 0.3, weightDecay: 0.6))
        settings[.optimizer] = .rmsprop
        #expect(settings.makeOptimizer() as? RMSprop == RMSprop(rho: 0.4, epsilon: 0.3))
        settings[.optimizer] = .sgd
        #expect(settings.makeOptimizer() as? SGD == SGD(momentum: 0.5))
    }

    @Test func defaultSettingsGiveDefaultOptimizers() {
        var settings = Settings()
        settings[.optimizer] = .adamw
        #expect(settings.makeOptimizer() as? AdamW == AdamW())
        settings[.optimizer] = .rmsprop
        #expect(settings.makeOptimizer() as? RMSprop == RMSprop())
        settings[.optimizer] = .sgd
        #expect(settings.makeOptimizer() as? SGD == SGD())
    }

    @Test func settingsRestoreTheOptimizerTheyDescribe() {
        let optimizers: [any Optimizer] = [
            Adam(beta1: 0.5, epsilon: 0.1), AdamW(weightDecay: 0.5), RMSprop(rho: 0.5), SGD(momentum: 0.5),
        ]
        for optimizer in optimizers {
            var settings = Settings()
            settings.describe(optimizer)
            #expect("\(settings.makeOptimizer())" == "\(optimizer)")
        }
        // The value is invalid as a setting, but the checkpoint must still be written.
        var settings = Settings()
        settings.describe(SGD(momentum: 1))
        #expect(settings == Settings())
    }
}
