import DTrainCore

/// What happens in a training, for whoever shows it; reported on rank 0 alone.
package enum TrainingEvent: Sendable {
    /// Everything is ready for the first step.
    case ready(TrainingOverview)
    /// The first batch's mean loss before any training, and ln(V), what guessing blindly costs.
    case untrainedLoss(Float, blind: Double)
    /// The first batch's mean loss with weights from a file, and ln(V); whether they are those of a resumed training.
    case loadedLoss(Float, blind: Double, path: String, isResumed: Bool)
    /// An epoch begins or, after a resume, goes on; numbers from 1.
    case epochBegan(epoch: Int, of: Int)
    /// An optimiser step is done.
    case step(StepReport)
    /// The training ends inside an epoch; the last step.
    case stoppedInEpoch(StepReport)
    /// An epoch is done.
    case epochEnded(EpochReport)
    /// The held-out loss was measured inside an epoch.
    case validated(ValidationReport)
    /// The training ends because the held-out loss no longer falls.
    case stoppedEarly(ValidationProgress)
    /// The text of `sample` with its continuation after an epoch.
    case sampled(String, epoch: Int)
    /// A checkpoint is on the disk, and what it holds.
    case saved(path: String, TrainingProgress?)
    /// A signal has ended the training before its end.
    case stopped(StopReport)
    /// Something worth knowing.
    case notice(String)
    /// Something that is probably not wanted.
    case warning(String)
}

/// What is known before the first step.
package struct TrainingOverview: Sendable {
    /// The model.
    package let layout: ParameterLayout
    /// Ranks in the job.
    package let ranks: Int
    /// Worker threads of rank 0.
    package let threads: Int
    /// How they share rows and units.
    package let grid: TeamGrid
    /// The processor time that a CPU quota leaves to the ranks of rank 0's host; nil where it is no less than their cores.
    package let quota: (processors: Double, of: Int)?
    /// What was named as the corpus.
    package let data: String
    /// How many files it has.
    package let files: Int
    /// Whether the corpus is one of characters or bytes.
    package let tokenization: Tokenization
    /// How many of them it has.
    package let tokens: Int
    /// Sequences in it that are trained on; 0 with streams.
    package let sequences: Int
    /// Whether the sequences of a batch are streams, which go on where they ended in the batch before.
    package let carriesStates: Bool
    /// Characters or bytes that are predicted to measure the held-out loss; nil where nothing is held out.
    package let heldOut: Int?
    /// What was named as held-out data; nil for a part of the corpus.
    package let heldOutName: String?
    /// The first words of the corpus; empty where they aren't printable.
    package let opening: String
    /// Steps of an epoch.
    package let stepsPerEpoch: Int
    /// Steps of the whole training, those before a resume included.
    package let plannedSteps: Int
    /// Sequences of a step.
    package let batchSize: Int
    /// Characters or bytes of a sequence.
    package let sequenceLength: Int
    /// How the gradients travel between ranks.
    package let gradientCompression: GradientCompression
    /// The instruction sets of the ranks, each once, in ascending order.
    package let instructionSets: [InstructionSet]
    /// Whether a rank's kernel refuses the AMX of its CPU.
    package let lacksAMXPermission: Bool
    /// What all ranks compute with.
    package let arithmetic: Arithmetic
    /// Whether inputs or states are dropped.
    package let usesDropout: Bool
    /// The folder of the checkpoints.
    package let checkpointDirectory: String

    /// What the corpus is cut into, as a unit: `chars` or `bytes`.
    package var tokenUnit: String { tokenization == .bytes ? "bytes" : "chars" }
}

/// One optimiser step.
package struct StepReport: Sendable {
    /// Optimiser steps in all.
    package let step: Int
    /// The epoch it belongs to, from 1.
    package let epoch: Int
    /// Its number in the epoch, from 1.
    package let stepInEpoch: Int
    /// Steps of an epoch.
    package let stepsPerEpoch: Int
    /// Mean loss over the global batch, before the step.
    package let loss: Float
    /// Norm of the gradient over all parameters, before any clipping.
    package let gradientNorm: Double
    /// The learning rate of the step.
    package let learningRate: Double
    /// Mean of the epoch's losses so far.
    package let epochLoss: Double
    /// Wall seconds of the step on rank 0.
    package let seconds: Double
    /// Wall seconds of the epoch so far in this process.
    package let epochSeconds: Double
    /// Mean wall seconds of the epoch's steps so far in this process.
    package let meanSeconds: Double
    /// Tokens of the global batch.
    package let tokens: Int
    /// Where rank 0's seconds went, if asked for.
    package let profile: StepProfile?
    /// Bytes of the gradient that the ranks have added up, if a profile was asked for.
    package let gradientBytes: Int?
}

/// One epoch.
package struct EpochReport: Sendable {
    /// Its number, from 1.
    package let epoch: Int
    /// Mean of its steps' losses.
    package let loss: Double
    /// Wall seconds spent on it in this process.
    package let seconds: Double
    /// The loss on held-out data after its last step; nil where nothing is held out.
    package var validation: ValidationReport?
    /// Its steps.
    package let steps: Int
    /// Mean wall seconds of the steps done in this process, which after a resume are not all of them.
    package let meanSeconds: Double
    /// Tokens a second in this process.
    package let tokensPerSecond: Double
}

/// A measurement on held-out data.
package struct ValidationReport: Sendable {
    /// Optimiser steps before it.
    package let step: Int
    /// The epoch that they belong to, from 1.
    package let epoch: Int
    /// The mean loss, in nats per character.
    package let loss: Double
    /// Whether it is the least so far.
    package let isBest: Bool
    /// Wall seconds on rank 0.
    package let seconds: Double
}

/// A training that a signal has ended.
package struct StopReport: Sendable {
    /// The signal.
    package let signal: Int32
    /// Whether the launcher has sent it to rank 0: on its own account, or because it was asked to end the job.
    package let isFromLauncher: Bool
    /// The rank that got it, as named to users; nil where there is only one.
    package let rank: String?
    /// Optimiser steps in all.
    package let step: Int
    /// The checkpoint that holds them; nil when this process has done none.
    package let path: String?
}
