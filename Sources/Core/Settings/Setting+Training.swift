// What a training does, beside its data and its model.

extension Settings {
    /// The settings that checkpoints keep in `training`.
    package static let training: [any AnySetting] =
        [
            Setting.epochs, Setting.tokens, Setting.batchSize, Setting.microBatchSize, Setting.sequenceLength,
            Setting.shuffle, Setting.stateful, Setting.seed, Setting.precision, Setting.gradientSummation,
            Setting.gradientCompression,
        ] + optimizer + schedule + regularization + fineTuning + heldOut

    /// Sums and products of two such sizes can't overflow.
    fileprivate static let sizes = 1...Int(Int32.max)
}

extension Setting where Value == Int {
    /// Epochs in all, those before a resume included.
    public static var epochs: Setting {
        Setting(
            "epochs", "Epochs in all, those before a resume included", default: 20, onResume: .mayChange,
            storedIn: .training("epochs"), where: { $0 > 0 })
    }

    /// Sequences per step over all ranks.
    public static var batchSize: Setting {
        Setting(
            "batch-size", "Sequences per step over all ranks", default: 64, changesWeights: true, onResume: .fixed,
            storedIn: .training("batchSize"), where: { Settings.sizes.contains($0) })
    }

    /// Sequences per micro-batch; the default is never above the batch size.
    public static var microBatchSize: Setting {
        Setting(
            "micro-batch-size", "Sequences per micro-batch; the bits of the result depend on it", default: 8,
            changesWeights: true, onResume: .fixed, storedIn: .training("microBatchSize"),
            fit: { min($0, $1[.batchSize]) }, where: { Settings.sizes.contains($0) })
    }

    /// Characters per sequence.
    public static var sequenceLength: Setting {
        Setting(
            "seq-length", "Characters per sequence", default: 100, changesWeights: true, onResume: .fixed,
            storedIn: .training("sequenceLength"), where: { Settings.sizes.contains($0) })
    }
}

extension Setting where Value == Tokenization {
    /// What the text is cut into; that of initial weights comes with their vocabulary.
    public static var tokens: Setting {
        Setting(
            "tokens", "Cut the text into characters or bytes, which any file has", default: .characters,
            changesWeights: true, onResume: .fixed, storedIn: .trainingUnlessDefault("tokens"))
    }
}

extension Setting where Value == Bool {
    /// Whether each epoch visits the sequences in a new order; in file order otherwise.
    public static var shuffle: Setting {
        Setting(
            "shuffle", "Visit the sequences in a new order each epoch", default: true,
            changesWeights: true, onResume: .fixed, storedIn: .training("shuffle"),
            // Streams are read in the text's order.
            fit: { $0 && !$1[.stateful] })
    }

    /// Whether the text is cut into streams along which states are carried from step to step.
    public static var stateful: Setting {
        Setting(
            "stateful", "Read the text in order, carrying states from step to step", default: false,
            changesWeights: true, onResume: .fixed, storedIn: .trainingUnlessDefault("stateful"))
    }
}

extension Setting where Value == UInt64 {
    /// The source of all random numbers.
    public static var seed: Setting {
        Setting(
            "seed", "Random seed", default: 42, changesWeights: true, onResume: .fixed, storedIn: .training("seed"))
    }
}

extension Setting where Value == Precision {
    /// The operands of the big products.
    public static var precision: Setting {
        Setting(
            "precision", "Operands of the big products", default: .fp32, changesWeights: true, onResume: .fixed,
            storedIn: .training("precision"))
    }
}

extension Setting where Value == GradientSummation {
    /// The order in which the ranks' gradients are added.
    package static var gradientSummation: Setting {
        Setting(
            "allreduce", "Order of gradient sums: tree, or mpi, whose bits depend on ranks", default: .tree,
            changesWeights: true, onResume: .mayChange,
            storedIn: .trainingUnlessDefault("allreduce"))
    }
}

extension Setting where Value == GradientCompression {
    /// The format in which gradients travel between ranks.
    package static var gradientCompression: Setting {
        Setting(
            "gradient-compression", "Format of gradients between ranks; bf16 halves traffic, bits depend on ranks",
            default: .none, changesWeights: true, onResume: .mayChange,
            storedIn: .trainingUnlessDefault("gradientCompression"))
    }
}
