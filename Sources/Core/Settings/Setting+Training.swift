// Settings of training other than those of held-out text, model, optimizer and regularization.

extension Settings {
    /// The settings that checkpoints store in `training`.
    package static let training: [any AnySetting] =
        [
            Setting.epochs, Setting.tokens, Setting.batchSize, Setting.microBatchSize, Setting.sequenceLength,
            Setting.shuffle, Setting.stateful, Setting.seed, Setting.precision, Setting.gradientSummation,
            Setting.gradientCompression,
        ] + optimizer + schedule + regularization + fineTuning + heldOut

    /// The valid range of sizes; sums and products of two of them can't overflow.
    fileprivate static let sizes = 1...Int(Int32.max)
}

extension Setting where Value == Int {
    /// The total number of epochs, including those before a resume.
    public static var epochs: Setting {
        Setting(
            "epochs", "Total epochs, including those before a resume", default: 20, onResume: .mayChange,
            storedIn: .training("epochs"), where: { $0 > 0 })
    }

    /// The number of sequences per step, over all ranks.
    public static var batchSize: Setting {
        Setting(
            "batch-size", "Sequences per step over all ranks", default: 64, changesWeights: true, onResume: .fixed,
            storedIn: .training("batchSize"), where: { Settings.sizes.contains($0) })
    }

    /// The number of sequences per micro-batch; the default never exceeds the batch size.
    public static var microBatchSize: Setting {
        Setting(
            "micro-batch-size", "Sequences per micro-batch; the bits of the result depend on it", default: 8,
            changesWeights: true, onResume: .fixed, storedIn: .training("microBatchSize"),
            adapt: { min($0, $1[.batchSize]) }, where: { Settings.sizes.contains($0) })
    }

    /// The number of characters per sequence.
    public static var sequenceLength: Setting {
        Setting(
            "seq-length", "Characters per sequence", default: 100, changesWeights: true, onResume: .fixed,
            storedIn: .training("sequenceLength"), where: { Settings.sizes.contains($0) })
    }
}

extension Setting where Value == Tokenization {
    /// The units that the text is divided into; initial weights with a vocabulary determine them.
    public static var tokens: Setting {
        Setting(
            "tokens", "Units of the text: characters, or bytes of any file", default: .characters,
            changesWeights: true, onResume: .fixed, storedIn: .trainingUnlessDefault("tokens"))
    }
}

extension Setting where Value == Bool {
    /// Whether each epoch visits the sequences in a new order instead of file order.
    public static var shuffle: Setting {
        Setting(
            "shuffle", "Visit the sequences in a new order each epoch", default: true,
            changesWeights: true, onResume: .fixed, storedIn: .training("shuffle"),
            // Streams are read in the text's order.
            adapt: { $0 && !$1[.stateful] })
    }

    /// Whether the text is divided into streams that carry states from step to step.
    public static var stateful: Setting {
        Setting(
            "stateful", "Read the text in order, carrying states from step to step", default: false,
            changesWeights: true, onResume: .fixed, storedIn: .trainingUnlessDefault("stateful"))
    }
}

extension Setting where Value == UInt64 {
    /// The random seed.
    public static var seed: Setting {
        Setting(
            "seed", "Random seed", default: 42, changesWeights: true, onResume: .fixed, storedIn: .training("seed"))
    }
}

extension Setting where Value == Precision {
    /// The operand format of the large matrix products.
    public static var precision: Setting {
        Setting(
            "precision", "Operands of the large matrix products", default: .fp32, changesWeights: true,
            onResume: .fixed, storedIn: .training("precision"))
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
    /// The format in which ranks exchange gradients.
    package static var gradientCompression: Setting {
        Setting(
            "gradient-compression", "Format of gradients between ranks; bf16 halves traffic, bits depend on ranks",
            default: .none, changesWeights: true, onResume: .mayChange,
            storedIn: .trainingUnlessDefault("gradientCompression"))
    }
}
