// Settings of the optimizer and of gradient clipping.

extension Settings {
    /// The optimizer settings that checkpoints store.
    static let optimizer: [any AnySetting] = [
        Setting.optimizer, Setting.learningRate, Setting.beta1, Setting.beta2, Setting.epsilon, Setting.rho,
        Setting.momentum, Setting.weightDecay, Setting.clipNorm, Setting.clipValue,
    ]
}

extension Setting where Value == OptimizerKind {
    /// The optimizer.
    public static var optimizer: Setting {
        Setting(
            "optimizer", "Optimizer", default: .adam, changesWeights: true,
            onResume: .fixed, storedIn: .trainingUnlessDefault("optimizer"))
    }
}

extension Setting where Value == Double {
    /// The base learning rate, which a schedule may change from step to step.
    public static var learningRate: Setting {
        Setting(
            "learning-rate", "Learning rate", default: 0.001, changesWeights: true, onResume: .mayChange,
            storedIn: .training("learningRate"), where: { $0.isFinite })
    }

    /// The decay rate of the first moments, for `adam` and `adamw`.
    public static var beta1: Setting {
        decay("beta1", "Decay of the first moments (adam, adamw)", default: 0.9)
    }

    /// The decay rate of the second moments, for `adam` and `adamw`.
    public static var beta2: Setting {
        decay("beta2", "Decay of the second moments (adam, adamw)", default: 0.999)
    }

    /// The constant that avoids division by zero, for `adam`, `adamw` and `rmsprop`.
    public static var epsilon: Setting {
        Setting(
            "epsilon", "Added to the divisor of an update (adam, adamw, rmsprop)", default: 1e-7,
            changesWeights: true, onResume: .mayChange, storedIn: .trainingUnlessDefault("epsilon"),
            where: { $0 > 0 && Float($0).isNormal })
    }

    /// The decay rate of the mean squares, for `rmsprop`.
    public static var rho: Setting { decay("rho", "Decay of the mean squares (rmsprop)", default: 0.9) }

    /// The momentum, for `sgd`.
    public static var momentum: Setting { decay("momentum", "Momentum (sgd)", default: 0) }

    /// The decoupled weight decay, for `adamw`; each step subtracts this fraction of a parameter
    /// times the learning rate.
    public static var weightDecay: Setting {
        Setting(
            "weight-decay", "Decoupled weight decay (adamw)", default: 0.004, changesWeights: true,
            onResume: .mayChange, storedIn: .trainingUnlessDefault("weightDecay"), where: { $0 >= 0 && $0.isFinite })
    }

    /// A setting that is a decay factor from 0 up to, not including, 1.
    private static func decay(_ name: String, _ summary: String, default defaultValue: Double) -> Setting {
        Setting(
            name, summary, default: defaultValue, changesWeights: true, onResume: .mayChange,
            storedIn: .trainingUnlessDefault(name), where: { (0..<1).contains($0) })
    }
}

extension Setting where Value == Double? {
    /// The largest global norm of the gradient; nil for no limit.
    public static var clipNorm: Setting {
        limit("clip-norm", "Clip the gradient's global norm to this value", key: "clipNorm")
    }

    /// The largest magnitude of a gradient element; nil for no limit.
    public static var clipValue: Setting {
        limit("clip-value", "Clip each element of the gradient to ± this value", key: "clipValue")
    }

    private static func limit(_ name: String, _ summary: String, key: String) -> Setting {
        Setting(
            name, summary, default: nil, noValue: "off", changesWeights: true, onResume: .mayChange,
            storedIn: .trainingUnlessDefault(key), where: { $0.map { $0 > 0 && $0.isFinite } ?? true })
    }
}
