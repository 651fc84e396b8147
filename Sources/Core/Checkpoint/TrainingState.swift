/// How far a training has come: all that a resumed one needs besides weights, moments and settings.
public struct TrainingProgress: Hashable, Sendable, Codable {
    /// The most epochs that a checkpoint can tell of: the losses of all of them are read into memory.
    public static let maximumEpochs = 1 << 20

    /// Finished epochs.
    public var epoch: Int
    /// Optimiser steps done in the epoch that has begun; 0 when it hasn't.
    public var stepInEpoch: Int
    /// Optimiser steps done in all.
    public var step: Int
    /// The mean loss of each finished epoch.
    public var epochLosses: [Double]
    /// The sum of the step losses of the epoch that has begun, exactly as the training had it.
    public var lossSum: Double

    /// A point in a training; without arguments, its beginning.
    public init(epoch: Int = 0, stepInEpoch: Int = 0, step: Int = 0, epochLosses: [Double] = [], lossSum: Double = 0) {
        self.epoch = epoch
        self.stepInEpoch = stepInEpoch
        self.step = step
        self.epochLosses = epochLosses
        self.lossSum = lossSum
    }
}

/// The settings that the weights after a number of steps depend on.
public struct TrainingSettings: Hashable, Sendable, Codable {
    /// Characters per sequence.
    public var sequenceLength: Int
    /// Sequences per step over all ranks.
    public var batchSize: Int
    /// Sequences per micro-batch.
    public var microBatchSize: Int
    /// Whether each epoch visits the sequences in a new order.
    public var shuffle: Bool
    /// The operands of the big products, `fp32` or `bf16`.
    public var precision: String
    /// Adam's learning rate.
    public var learningRate: Double
    /// What everything random derives from.
    public var seed: UInt64
    /// The largest norm of a gradient; nil for no limit.
    public var clipNorm: Double?
    /// The epochs that were asked for, which the weights don't depend on; nil in files of earlier versions.
    public var epochs: Int?

    /// The settings of a training.
    public init(
        sequenceLength: Int, batchSize: Int, microBatchSize: Int, shuffle: Bool, precision: String,
        learningRate: Double, seed: UInt64, clipNorm: Double? = nil, epochs: Int? = nil
    ) {
        self.sequenceLength = sequenceLength
        self.batchSize = batchSize
        self.microBatchSize = microBatchSize
        self.shuffle = shuffle
        self.precision = precision
        self.learningRate = learningRate
        self.seed = seed
        self.clipNorm = clipNorm
        self.epochs = epochs
    }
}
