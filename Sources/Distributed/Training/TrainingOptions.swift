import DTrainCore

/// What a training is told: one value for each flag of `dtrain train`, with the tutorial's defaults.
public struct TrainingOptions: Hashable, Sendable {
    /// The text file, UTF-8.
    public var data: String
    /// Epochs in all, those before a resume included.
    public var epochs = 20
    /// Optimiser steps in all after which to stop; nil for no limit.
    public var maxSteps: Int?
    /// Sequences per step over all ranks.
    public var batchSize = 64
    /// Sequences per micro-batch; the bits of the result depend on it.
    public var microBatchSize = 8
    /// Characters per sequence.
    public var sequenceLength = 100
    /// Whether each epoch visits the sequences in a new order.
    public var shuffle = true
    /// The model's sizes; what is open comes from the file that the training starts with, else from the tutorial.
    public var model = ModelChoice()
    /// Adam's learning rate.
    public var learningRate = 0.001
    /// The largest norm of a gradient; nil for no limit.
    public var clipNorm: Double?
    /// What everything random derives from.
    public var seed: UInt64 = 42
    /// Operands of the big products.
    public var precision = Precision.fp32
    /// Worker threads of this rank; nil for the cores that this rank may use.
    public var threads: Int?
    /// Where the weights come from at the start.
    public var start = Start.fresh
    /// The folder for checkpoints.
    public var checkpointDirectory = "training_checkpoints"
    /// Steps between checkpoints inside an epoch; nil for none.
    public var checkpointEverySteps: Int?
    /// Steps between comparisons of the ranks' weights, beside those at each checkpoint; nil for none.
    public var verifyReplicas: Int?
    /// How many checkpoints stay; nil for all.
    public var keep: Int?
    /// Whether a folder with an earlier training's checkpoints may be emptied.
    public var overwrite = false
    /// A file for metrics, JSON lines.
    public var metrics: String?
    /// Whether to measure where the time of each step goes.
    public var profile = false
    /// Who adds the ranks' gradients.
    public var allreduce = GradientSynchronizer.Mode.tree
    /// How the gradients travel between ranks.
    public var gradientCompression = GradientSynchronizer.Compression.none

    /// Where the weights come from at the start.
    public enum Start: Hashable, Sendable {
        /// Keras's initial values.
        case fresh
        /// A safetensors file's weights, its shapes included.
        case weights(String)
        /// The newest valid checkpoint of the folder; the beginning where there is none.
        case resume
        /// One checkpoint file.
        case resumeFrom(String)
    }

    /// The defaults, for a text.
    public init(data: String) {
        self.data = data
    }

    /// The settings that a checkpoint keeps.
    var settings: TrainingSettings {
        TrainingSettings(
            sequenceLength: sequenceLength, batchSize: batchSize, microBatchSize: microBatchSize, shuffle: shuffle,
            precision: precision.rawValue, learningRate: learningRate, seed: seed,
            clipNorm: clipNorm, epochs: epochs)
    }

    /// What must be the same on all ranks, by flag; they are free to differ in threads and in what they show.
    var fingerprint: [(key: String, value: String)] {
        [
            ("dtrain's version", dtrainVersion), ("--epochs", "\(epochs)"),
            ("--max-steps", maxSteps.map(String.init) ?? "none"),
            ("--batch-size", "\(batchSize)"), ("--micro-batch-size", "\(microBatchSize)"),
            ("--seq-length", "\(sequenceLength)"), ("--shuffle", "\(shuffle)"),
            ("--learning-rate", "\(learningRate)"),
            ("--clip-norm", clipNorm.map { "\($0)" } ?? "off"), ("--seed", "\(seed)"),
            ("--precision", precision.rawValue),
            ("start (--init, --resume, --resume-from)", "\(start)"), ("--allreduce", allreduce.rawValue),
            ("--gradient-compression", gradientCompression.rawValue), ("--profile", "\(profile)"),
            ("--verify-replicas", verifyReplicas.map(String.init) ?? "off"),
            ("--checkpoint-dir", checkpointDirectory),
            ("--checkpoint-every-steps", checkpointEverySteps.map(String.init) ?? "off"),
            ("--keep", keep.map(String.init) ?? "all"), ("--overwrite", "\(overwrite)"),
            ("--metrics", metrics ?? "none"),
        ] + model.flags.map { ($0.name, $0.value ?? "none") }
    }
}
