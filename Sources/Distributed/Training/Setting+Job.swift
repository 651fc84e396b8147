import DTrainCore

// Settings of one start of a training; checkpoints don't store them.

extension Settings {
    /// The settings of a single start.
    package static let job: [any AnySetting] = [
        Setting.maxSteps, Setting.threads, Setting.members, Setting.validationData, Setting.extendVocabulary,
        Setting.checkpointDirectory, Setting.checkpointEverySteps, Setting.keep, Setting.overwrite,
        Setting.verifyReplicas, Setting.metrics, Setting.tensorboard, Setting.sample, Setting.profile,
        Setting.stallTimeout,
    ]

    /// All settings of a training.
    package static let all = modelSizes + training + job
}

extension Setting where Value == Int? {
    /// The total number of steps to stop after; nil for no limit.
    package static var maxSteps: Setting {
        Setting("max-steps", "Stop after this many steps in total", default: nil, where: isPositive)
    }

    /// The number of worker threads of this rank; nil for its share of the cores that it may use.
    package static var threads: Setting {
        Setting(
            "threads", "Worker threads per rank", default: nil, noValue: "cores ÷ ranks that share them", ranks: .free,
            where: isPositive)
    }

    /// The number of threads per team, which share the units of the layers; nil to choose by sizes
    /// and caches.
    package static var members: Setting {
        Setting(
            "members", "Threads per team, which divide the units; teams divide the sequences", default: nil,
            noValue: "chosen from the sizes and caches", ranks: .free, where: isPositive)
    }

    /// The number of steps between checkpoints within an epoch; nil for none.
    package static var checkpointEverySteps: Setting {
        Setting(
            "checkpoint-every-steps", "Also write ckpt_{epoch}_{step}.safetensors every N steps",
            default: nil, noValue: "off", where: isPositive)
    }

    /// The number of checkpoints to keep; nil for all.
    package static var keep: Setting {
        Setting(
            "keep", "Keep only this many of the newest checkpoints", default: nil, noValue: "all", where: isPositive)
    }

    /// The number of steps between comparisons of the ranks' weights, in addition to each
    /// checkpoint; nil for none.
    package static var verifyReplicas: Setting {
        Setting(
            "verify-replicas", "Compare the ranks' weights every N steps, not only at checkpoints",
            default: nil, noValue: "off", where: isPositive)
    }

    private static var isPositive: @Sendable (Int?) -> Bool { { $0.map { $0 > 0 } ?? true } }
}

extension Setting where Value == Int {
    /// The number of seconds that a collective may wait before the job ends.
    package static var stallTimeout: Setting {
        Setting(
            "stall-timeout", "End the job when a collective waits longer, naming the ranks", default: 300,
            ranks: .free, where: { $0 > 0 })
    }
}

extension Setting where Value == String {
    /// The folder for checkpoints.
    package static var checkpointDirectory: Setting {
        Setting(
            "checkpoint-dir", "Folder for ckpt_{epoch}.safetensors, written after each epoch",
            default: "training_checkpoints")
    }
}

extension Setting where Value == String? {
    /// The metrics file, in JSON lines; nil for none.
    package static var metrics: Setting {
        Setting("metrics", "Write a JSON line for each step and each epoch", default: nil)
    }

    /// The folder for TensorBoard's event files of this training; nil for none.
    package static var tensorboard: Setting {
        Setting("tensorboard", "Folder of this training's event files, which TensorBoard shows", default: nil)
    }

    /// A text that is continued after each epoch; nil for none.
    package static var sample: Setting {
        Setting("sample", "Continue this text after each epoch, to see what the model has learned", default: nil)
    }
}

extension Setting where Value == Bool {
    /// Whether to append characters that the vocabulary of initial weights lacks.
    package static var extendVocabulary: Setting {
        Setting(
            "extend-vocabulary", "Add the text's new characters to the vocabulary of initial weights", default: false)
    }

    /// Whether to delete an earlier training's checkpoints.
    package static var overwrite: Setting {
        Setting(
            "overwrite",
            "Delete earlier checkpoints, metrics and events; when resuming, only later checkpoints",
            default: false)
    }

    /// Whether to measure where the time of each step goes.
    package static var profile: Setting {
        Setting("profile", "Show where the time of a step goes, at the end and in the metrics", default: false)
    }
}
