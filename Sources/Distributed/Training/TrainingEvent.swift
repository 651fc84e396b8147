import DTrainCore

/// What happens in a training, for whoever shows it; reported on rank 0 alone.
public enum TrainingEvent: Sendable {
    /// Everything is ready for the first step.
    case ready(TrainingOverview)
    /// The first batch's mean loss before any training, and ln(V), what guessing blindly costs.
    case untrainedLoss(Float, blind: Double)
    /// An epoch begins or, after a resume, goes on; numbers from 1.
    case epochBegan(epoch: Int, of: Int)
    /// An optimiser step is done.
    case step(StepReport)
    /// The training ends inside an epoch; the last step.
    case stoppedInEpoch(StepReport)
    /// An epoch is done.
    case epochEnded(EpochReport)
    /// A checkpoint is on the disk.
    case saved(path: String)
    /// A signal has ended the training before its end.
    case stopped(StopReport)
    /// Something worth knowing.
    case notice(String)
    /// Something that is probably not wanted.
    case warning(String)
}

/// What is known before the first step.
public struct TrainingOverview: Sendable {
    /// The model.
    public let layout: ParameterLayout
    /// Ranks in the job.
    public let ranks: Int
    /// Worker threads of rank 0.
    public let threads: Int
    /// The corpus's path.
    public let data: String
    /// Characters of the corpus.
    public let characters: Int
    /// Sequences in it.
    public let sequences: Int
    /// Steps of an epoch.
    public let stepsPerEpoch: Int
    /// Sequences of a step.
    public let batchSize: Int
    /// Characters of a sequence.
    public let sequenceLength: Int
    /// How the gradients travel between ranks.
    public let gradientCompression: GradientCompression
    /// The format of the products' operands.
    public let precision: Precision
}

/// One optimiser step.
public struct StepReport: Sendable {
    /// Optimiser steps in all.
    public let step: Int
    /// The epoch it belongs to, from 1.
    public let epoch: Int
    /// Its number in the epoch, from 1.
    public let stepInEpoch: Int
    /// Steps of an epoch.
    public let stepsPerEpoch: Int
    /// Mean loss over the global batch, before the step.
    public let loss: Float
    /// Norm of the gradient over all parameters, before any clipping.
    public let gradientNorm: Double
    /// Mean of the epoch's losses so far.
    public let epochLoss: Double
    /// Wall seconds of the step on rank 0.
    public let seconds: Double
    /// Wall seconds of the epoch so far in this process.
    public let epochSeconds: Double
    /// Mean wall seconds of the epoch's steps so far in this process.
    public let meanSeconds: Double
    /// Tokens of the global batch.
    public let tokens: Int
    /// Where rank 0's seconds went, if asked for.
    public let profile: StepProfile?
    /// Bytes of the gradient that the ranks have added up, if a profile was asked for.
    public let gradientBytes: Int?
}

/// One epoch.
public struct EpochReport: Sendable {
    /// Its number, from 1.
    public let epoch: Int
    /// Mean of its steps' losses.
    public let loss: Double
    /// Wall seconds spent on it in this process.
    public let seconds: Double
    /// Its steps.
    public let steps: Int
    /// Mean wall seconds of the steps done in this process, which after a resume are not all of them.
    public let meanSeconds: Double
    /// Tokens a second in this process.
    public let tokensPerSecond: Double
}

/// A training that a signal has ended.
public struct StopReport: Sendable {
    /// The signal.
    public let signal: Int32
    /// The rank that got it, as named to users; nil where there is only one.
    public let rank: String?
    /// Optimiser steps in all.
    public let step: Int
    /// The checkpoint that holds them; nil when this process has done none.
    public let path: String?
}
