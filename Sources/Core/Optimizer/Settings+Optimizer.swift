extension Settings {
    /// Creates the optimizer that these settings describe.
    package func makeOptimizer() -> any Optimizer {
        switch self[.optimizer] {
        case .adam: Adam(beta1: self[.beta1], beta2: self[.beta2], epsilon: self[.epsilon])
        case .adamw:
            AdamW(
                beta1: self[.beta1], beta2: self[.beta2], epsilon: self[.epsilon], weightDecay: self[.weightDecay])
        case .rmsprop: RMSprop(rho: self[.rho], epsilon: self[.epsilon])
        case .sgd: SGD(momentum: self[.momentum])
        }
    }

    /// Records an optimizer's kind and hyper-parameters in these settings.
    ///
    /// Leaves the settings unchanged for an optimizer that isn't dtrain's own, or whose values are
    /// out of the settings' ranges.
    mutating func describe(_ optimizer: any Optimizer) {
        var settings = self
        switch optimizer {
        case let adam as Adam:
            settings[.optimizer] = .adam
            settings.describeMoments(adam)
        case let adamw as AdamW:
            settings[.optimizer] = .adamw
            settings.describeMoments(adamw.adam)
            settings[.weightDecay] = adamw.weightDecay
        case let rmsprop as RMSprop:
            settings[.optimizer] = .rmsprop
            (settings[.rho], settings[.epsilon]) = (rmsprop.rho, rmsprop.epsilon)
        case let sgd as SGD:
            settings[.optimizer] = .sgd
            settings[.momentum] = sgd.momentum
        default: return
        }
        if settings.areValid { self = settings }
    }

    private mutating func describeMoments(_ adam: Adam) {
        (self[.beta1], self[.beta2], self[.epsilon]) = (adam.beta1, adam.beta2, adam.epsilon)
    }
}
