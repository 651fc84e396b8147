import DTrainCore

/// An event of a training, reported on rank 0 only.
package enum TrainingEvent: Sendable {
    /// The training is ready for the first step.
    case ready(TrainingOverview)
    /// The first batch's mean loss before any training, and ln(V), the loss of a uniform guess.
    case untrainedLoss(Float, uniform: Double)
    /// The first batch's mean loss with weights from a file, and ln(V); whether the training was
    /// resumed.
    case loadedLoss(Float, uniform: Double, path: String, isResumed: Bool)
    /// An epoch starts or, after a resume, continues; epochs count from 1.
    case epochBegan(epoch: Int, of: Int)
    /// An optimizer step is done.
    case step(StepReport)
    /// The training ends within an epoch, after this step.
    case stoppedInEpoch(StepReport)
    /// An epoch is done.
    case epochEnded(EpochReport)
    /// The held-out loss was measured within an epoch.
    case validated(ValidationReport)
    /// The training ends early because the held-out loss no longer improves.
    case stoppedEarly(ValidationProgress)
    /// The text of `sample` with its continuation after an epoch.
    case sampled(String, epoch: Int)
    /// A checkpoint with this progress is on the disk.
    case saved(path: String, TrainingProgress?)
    /// A signal stopped the training before its end.
    case stopped(StopReport)
    /// A message for information.
    case notice(String)
    /// A message about something probably unintended.
    case warning(String)
}

/// The facts about a training that are known before its first step.
package struct TrainingOverview: Sendable {
    /// The parameters of the model.
    package let layout: ParameterLayout
    /// The number of ranks in the job.
    package let ranks: Int
    /// The number of worker threads of rank 0.
    package let threads: Int
    /// The division of rows and units among the worker threads.
    package let grid: TeamGrid
    /// The CPU quota of the ranks on rank 0's host, in processors, and the number of their
    /// processors; nil if the quota doesn't limit them.
    package let quota: (processors: Double, of: Int)?
    /// The name of the corpus.
    package let data: String
    /// The number of files in the corpus.
    package let files: Int
    /// The tokens of the corpus: characters or bytes.
    package let tokenization: Tokenization
    /// The number of tokens in the corpus.
    package let tokens: Int
    /// The number of sequences to train on; 0 with streams.
    package let sequences: Int
    /// Whether the sequences of a batch are streams, which continue from one batch to the next.
    package let carriesStates: Bool
    /// The number of tokens predicted for the held-out loss; nil if nothing is held out.
    package let heldOut: Int?
    /// The name of the held-out data; nil for a part of the corpus.
    package let heldOutName: String?
    /// The first words of the corpus; empty if they aren't printable.
    package let opening: String
    /// The number of steps per epoch.
    package let stepsPerEpoch: Int
    /// The number of steps of the whole training, including those before a resume.
    package let plannedSteps: Int
    /// The number of sequences per step.
    package let batchSize: Int
    /// The number of tokens per sequence.
    package let sequenceLength: Int
    /// The representation of gradients sent between ranks.
    package let gradientCompression: GradientCompression
    /// The instruction sets of the ranks, each once, in ascending order.
    package let instructionSets: [InstructionSet]
    /// Whether the kernel of some rank refuses permission for its CPU's AMX.
    package let lacksAMXPermission: Bool
    /// The arithmetic of all ranks.
    package let arithmetic: Arithmetic
    /// Whether dropout applies to inputs or states.
    package let usesDropout: Bool
    /// The checkpoint folder.
    package let checkpointDirectory: String

    /// The unit of the corpus: `chars` or `bytes`.
    package var tokenUnit: String { tokenization == .bytes ? "bytes" : "chars" }
}

/// A report of one optimizer step.
package struct StepReport: Sendable {
    /// The total number of optimizer steps.
    package let step: Int
    /// The epoch of the step, from 1.
    package let epoch: Int
    /// The number of the step in its epoch, from 1.
    package let stepInEpoch: Int
    /// The number of steps per epoch.
    package let stepsPerEpoch: Int
    /// The mean loss over the global batch, before the step.
    package let loss: Float
    /// The norm of the gradient over all parameters that aren't frozen, before any clipping.
    package let gradientNorm: Double
    /// The learning rate of the step.
    package let learningRate: Double
    /// The mean of the epoch's losses so far.
    package let epochLoss: Double
    /// The wall time of the step on rank 0, in seconds.
    package let seconds: Double
    /// The wall time of the epoch so far in this process, without held-out measurements, in seconds.
    package let epochSeconds: Double
    /// The mean wall time of the epoch's steps so far in this process, in seconds.
    package let meanSeconds: Double
    /// The number of tokens in the global batch.
    package let tokens: Int
    /// The profile of rank 0's time, if requested.
    package let profile: StepProfile?
    /// The size of the summed gradient in bytes, if a profile was requested.
    package let gradientBytes: Int?
}

/// A report of one epoch.
package struct EpochReport: Sendable {
    /// The number of the epoch, from 1.
    package let epoch: Int
    /// The mean of its steps' losses.
    package let loss: Double
    /// The wall time spent on the epoch in this process, without held-out measurements, in seconds.
    package let seconds: Double
    /// The held-out loss after its last step; nil if nothing is held out.
    package var validation: ValidationReport?
    /// The number of steps in the epoch.
    package let steps: Int
    /// The mean wall time of the steps done in this process, in seconds.
    ///
    /// After a resume these may not be all steps of the epoch; 0 if there are none.
    package let meanSeconds: Double
    /// The throughput of this process, in tokens per second; 0 if it has done no steps.
    package let tokensPerSecond: Double
}

/// A report of a measurement on held-out data.
package struct ValidationReport: Sendable {
    /// The number of optimizer steps before the measurement.
    package let step: Int
    /// The epoch of the last of these steps, from 1.
    package let epoch: Int
    /// The mean loss, in nats per token.
    package let loss: Double
    /// Whether the loss is the lowest so far.
    package let isBest: Bool
    /// The wall time of the measurement on rank 0, in seconds.
    package let seconds: Double
}

/// A report of a training stopped by a signal.
package struct StopReport: Sendable {
    /// The signal.
    package let signal: Int32
    /// Whether the launcher sent the signal to rank 0, on its own or because it received a request
    /// to end the job.
    package let isFromLauncher: Bool
    /// The name of the rank that received the signal; nil if there is only one rank.
    package let rank: String?
    /// The total number of optimizer steps.
    package let step: Int
    /// The checkpoint of that step; nil if this process saved none.
    package let path: String?
}
