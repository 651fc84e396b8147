// Settings of the learning-rate schedule.

extension Settings {
    /// The schedule settings that checkpoints store.
    static let schedule: [any AnySetting] = [
        Setting.schedule, Setting.warmupSteps, Setting.decayStart, Setting.decaySteps, Setting.decayRate,
        Setting.finalLearningRate,
    ]
}

extension Setting where Value == ScheduleKind {
    /// The kind of learning-rate schedule after the warm-up.
    public static var schedule: Setting {
        Setting(
            "schedule", "Learning-rate schedule", default: .constant,
            changesWeights: true, onResume: .mayChange, storedIn: .trainingUnlessDefault("schedule"))
    }
}

extension Setting where Value == StepCount {
    /// The number of warm-up steps, over which the learning rate rises from 0.
    public static var warmupSteps: Setting {
        count("warmup-steps", "Steps, or Nepochs, of linear warm-up from 0", key: "warmupSteps")
    }

    /// The number of steps between the warm-up and the decay.
    public static var decayStart: Setting {
        count("decay-start", "Steps, or Nepochs, between warm-up and decay", key: "decayStart")
    }

    private static func count(_ name: String, _ summary: String, key: String) -> Setting {
        Setting(
            name, summary, default: .steps(0), changesWeights: true, onResume: .mayChange,
            storedIn: .trainingUnlessDefault(key), where: \.isValid)
    }
}

extension Setting where Value == StepCount? {
    /// The number of steps in the decay, or per factor for `exponential` and `step`; nil for the
    /// rest of the run.
    public static var decaySteps: Setting {
        Setting(
            "decay-steps", "Steps, or Nepochs, of the decay, or horizon: to the planned end", default: nil,
            noValue: "horizon", changesWeights: true, onResume: .mayChange,
            storedIn: .trainingUnlessDefault("decaySteps"), where: { $0.map { $0.isValid && !$0.isZero } ?? true })
    }
}

extension Setting where Value == Double {
    /// The factor by which the learning rate falls every `decay-steps` steps.
    public static var decayRate: Setting {
        Setting(
            "decay-rate", "Factor of each period of the decay (exponential, step)", default: 0.9, changesWeights: true,
            onResume: .mayChange, storedIn: .trainingUnlessDefault("decayRate"), where: { $0 > 0 && $0 <= 1 })
    }

    /// The learning rate at the end of the decay.
    public static var finalLearningRate: Setting {
        Setting(
            "final-learning-rate", "Learning rate at the end of the decay", default: 0, changesWeights: true,
            onResume: .mayChange, storedIn: .trainingUnlessDefault("finalLearningRate"),
            where: { $0 >= 0 && $0.isFinite })
    }
}
