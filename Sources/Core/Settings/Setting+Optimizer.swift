// How parameters follow their gradient: the optimiser and clipping.

extension Settings {
    /// The optimiser's settings that checkpoints keep.
    static let optimizer: [any AnySetting] = [
        Setting.optimizer, Setting.learningRate, Setting.beta1, Setting.beta2, Setting.epsilon, Setting.rho,
        Setting.momentum, Setting.weightDecay, Setting.clipNorm, Setting.clipValue,
    ]
}

extension Setting where Value == OptimizerKind {
    /// The rule by which parameters follow their gradient.
    public static var optimizer: Setting {
        Setting(
            "optimizer", "Optimizer: adam, adamw, rmsprop or sgd", default: .adam, changesWeights: true,
            onResume: .fixed, storedIn: .trainingUnlessDefault("optimizer"))
    }
}

extension Setting where Value == Double {
    /// The learning rate, which a schedule changes from step to step.
    public static var learningRate: Setting {
        Setting(
            "learning-rate", "Learning rate", default: 0.001, changesWeights: true, onResume: .mayChange,
            storedIn: .training("learningRate"), where: { $0.isFinite })
    }

    /// Decay of the first moments, of `adam` and `adamw`.
    public static var beta1: Setting {
        decay("beta1", "Decay of the first moments (adam, adamw)", default: 0.9)
    }

    /// Decay of the second moments, of `adam` and `adamw`.
    public static var beta2: Setting {
        decay("beta2", "Decay of the second moments (adam, adamw)", default: 0.999)
    }

    /// What keeps a division by the root of the second moments finite, of `adam`, `adamw` and `rmsprop`.
    public static var epsilon: Setting {
        Setting(
            "epsilon", "Added to the divisor of an update (adam, adamw, rmsprop)", default: 1e-7,
            changesWeights: true, onResume: .mayChange, storedIn: .trainingUnlessDefault("epsilon"),
            where: { $0 > 0 && Float($0).isNormal })
    }

    /// Decay of the mean squares, of `rmsprop`.
    public static var rho: Setting { decay("rho", "Decay of the mean squares (rmsprop)", default: 0.9) }

    /// Momentum, of `sgd`.
    public static var momentum: Setting { decay("momentum", "Momentum (sgd)", default: 0) }

    /// Decoupled weight decay, of `adamw`: the part of each parameter, times the learning rate, that a step takes away.
    public static var weightDecay: Setting {
        Setting(
            "weight-decay", "Decoupled weight decay (adamw)", default: 0.004, changesWeights: true,
            onResume: .mayChange, storedIn: .trainingUnlessDefault("weightDecay"), where: { $0 >= 0 && $0.isFinite })
    }

    /// A factor from 0 up to 1 by which something old counts for less at each step.
    private static func decay(_ name: String, _ summary: String, default defaultValue: Double) -> Setting {
        Setting(
            name, summary, default: defaultValue, changesWeights: true, onResume: .mayChange,
            storedIn: .trainingUnlessDefault(name), where: { (0..<1).contains($0) })
    }
}

extension Setting where Value == Double? {
    /// The largest norm of a gradient over all parameters; nil for no limit.
    public static var clipNorm: Setting {
        limit("clip-norm", "Clip the gradient's global norm to this value", key: "clipNorm")
    }

    /// The largest magnitude of a gradient's elements; nil for no limit.
    public static var clipValue: Setting {
        limit("clip-value", "Clip each element of the gradient to ± this value", key: "clipValue")
    }

    private static func limit(_ name: String, _ summary: String, key: String) -> Setting {
        Setting(
            name, summary, default: nil, noValue: "off", changesWeights: true, onResume: .mayChange,
            storedIn: .trainingUnlessDefault(key), where: { $0.map { $0 > 0 && $0.isFinite } ?? true })
    }
}
