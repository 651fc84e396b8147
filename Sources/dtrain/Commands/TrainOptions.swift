import ArgumentParser
import DTrainCore
import DTrainDistributed

extension Cell: ExpressibleByArgument {}
extension Recipe: ExpressibleByArgument {}
extension Precision: ExpressibleByArgument {}
extension GradientCompression: ExpressibleByArgument {}
extension GradientSummation: ExpressibleByArgument {}
extension OptimizerKind: ExpressibleByArgument {}
extension ScheduleKind: ExpressibleByArgument {}
extension Tokenization: ExpressibleByArgument {}

// A setting's flag has no default here: a value that isn't given comes from the checkpoint on a
// resume, or from the setting.

struct DataOptions: ParsableArguments {
    @OptionGroup var text: TextOptions

    @Option(help: .setting(.tokens, isCommon: false))
    private var tokens: Tokenization?

    @Option(help: .setting(.batchSize), transform: positive)
    private var batchSize: Int?

    @Option(help: .setting(.sequenceLength), transform: positive)
    private var seqLength: Int?

    @Flag(inversion: .prefixedNo, help: .setting(.shuffle, isCommon: false))
    private var shuffle: Bool?

    func collect(into settings: inout Settings) {
        settings.take(.tokens, tokens)
        settings.take(.batchSize, batchSize)
        settings.take(.sequenceLength, seqLength)
        settings.take(.shuffle, shuffle)
    }
}

struct ModelOptions: ParsableArguments {
    @Option(help: .setting(.cell))
    private var cell: Cell?

    @Option(help: .setting(.layers), transform: positive)
    private var layers: Int?

    @Option(help: .setting(.embeddingDim), transform: positive)
    private var embeddingDim: Int?

    @Option(help: .setting(.rnnUnits), transform: positive)
    private var rnnUnits: Int?

    func collect(into settings: inout Settings) {
        settings.take(.cell, cell)
        settings.take(.layers, layers)
        settings.take(.embeddingDim, embeddingDim)
        settings.take(.rnnUnits, rnnUnits)
    }

    // Limits far above any machine's memory; parameter counts stay far below Int.max.
    func validate() throws {
        for (flag, value, limit) in [
            ("--layers", layers, 1000), ("--embedding-dim", embeddingDim, 1 << 20), ("--rnn-units", rnnUnits, 1 << 20),
        ] {
            guard let value, value > limit else { continue }
            throw ValidationError("\(flag) \(value) is too large: give at most \(limit)")
        }
    }
}

struct LearningOptions: ParsableArguments {
    @Option(help: .setting(.epochs), transform: positive)
    private var epochs: Int?

    @Option(help: .setting(.maxSteps), transform: positive)
    private var maxSteps: Int?

    @Option(help: .setting(.microBatchSize, isCommon: false), transform: positive)
    private var microBatchSize: Int?

    @Flag(help: .setting(.stateful))
    private var stateful = false

    @Option(help: .setting(.dropout, valueName: "probability"), transform: fraction)
    private var dropout: Double?

    @Option(help: .setting(.recurrentDropout, valueName: "probability", isCommon: false), transform: fraction)
    private var recurrentDropout: Double?

    @Option(help: .setting(.scheduledSampling, valueName: "probability", isCommon: false), transform: probability)
    private var scheduledSampling: Double?

    @Option(help: .setting(.scheduledSamplingRamp, valueName: "epochs", isCommon: false), transform: nonNegativeNumber)
    private var scheduledSamplingRamp: Double?

    @Option(help: .setting(.seed), transform: seedNumber)
    private var seed: UInt64?

    @Option(help: .setting(.precision))
    private var precision: Precision?

    func collect(into settings: inout Settings) {
        settings.take(.epochs, epochs)
        settings.take(.maxSteps, maxSteps)
        settings.take(.microBatchSize, microBatchSize)
        settings.take(.stateful, stateful ? true : nil)
        settings.take(.dropout, dropout)
        settings.take(.recurrentDropout, recurrentDropout)
        settings.take(.scheduledSampling, scheduledSampling)
        settings.take(.scheduledSamplingRamp, scheduledSamplingRamp)
        settings.take(.seed, seed)
        settings.take(.precision, precision)
    }

    func validate() throws {
        guard let epochs, epochs > TrainingProgress.maximumEpochs else { return }
        throw ValidationError("--epochs \(epochs) is too large: give at most \(TrainingProgress.maximumEpochs)")
    }
}

struct CheckpointOptions: ParsableArguments {
    @Option(
        name: .customLong("init"),
        help: .init("Initialize from a safetensors file, which also sets the model's sizes.", valueName: "file"),
        completion: .file(extensions: ["safetensors"]))
    var initialWeights: String?

    @Flag(help: .setting(.extendVocabulary, isCommon: false))
    private var extendVocabulary = false

    @Option(help: .setting(.checkpointDirectory, valueName: "dir"), completion: .directory)
    private var checkpointDir: String?

    @Option(help: .setting(.checkpointEverySteps, valueName: "n", isCommon: false), transform: positive)
    private var checkpointEverySteps: Int?

    @Option(help: .setting(.keep), transform: positive)
    private var keep: Int?

    @Flag(help: .setting(.overwrite))
    var overwrite = false

    @Flag(help: "Resume from the newest valid checkpoint, or start fresh if there is none.")
    var resume = false

    @Option(
        help: .init("Resume from one checkpoint file.", valueName: "file", visibility: .onlyInFullHelp),
        completion: .file(extensions: ["safetensors"]))
    var resumeFrom: String?

    var start: TrainingOptions.Start {
        if let initialWeights { return .weights(initialWeights) }
        if let resumeFrom { return .resumeFrom(resumeFrom) }
        return resume ? .resume : .fresh
    }

    func collect(into settings: inout Settings) {
        settings.take(.extendVocabulary, extendVocabulary ? true : nil)
        settings.take(.checkpointDirectory, checkpointDir)
        settings.take(.checkpointEverySteps, checkpointEverySteps)
        settings.take(.keep, keep)
        settings.take(.overwrite, overwrite ? true : nil)
    }

    func validate() throws {
        if extendVocabulary, initialWeights == nil {
            throw ValidationError("--extend-vocabulary has an effect only with --init: add --init, or leave it out")
        }
        if initialWeights != nil, resume || resumeFrom != nil {
            throw ValidationError("--init starts a new run and --resume continues one: use one of them")
        }
        if resume, resumeFrom != nil {
            throw ValidationError("--resume and --resume-from exclude each other: use one of them")
        }
        if overwrite, resume {
            throw ValidationError("--overwrite deletes the checkpoints that --resume needs: use one of them")
        }
    }
}

struct ExchangeOptions: ParsableArguments {
    @Option(help: .setting(.threads), transform: positive)
    private var threads: Int?

    @Option(help: .setting(.gradientSummation, isCommon: false))
    private var allreduce: GradientSummation?

    @Option(help: .setting(.gradientCompression, isCommon: false))
    private var gradientCompression: GradientCompression?

    func collect(into settings: inout Settings) {
        settings.take(.threads, threads)
        settings.take(.gradientSummation, allreduce)
        settings.take(.gradientCompression, gradientCompression)
    }
}

struct JobOptions: ParsableArguments {
    @OptionGroup private var exchange: ExchangeOptions

    @Option(help: .setting(.members, isCommon: false), transform: positive)
    private var members: Int?

    @Option(help: .setting(.verifyReplicas, valueName: "n", isCommon: false), transform: positive)
    private var verifyReplicas: Int?

    @Option(help: .setting(.stallTimeout, valueName: "seconds", isCommon: false), transform: positive)
    private var stallTimeout: Int?

    @Option(help: .setting(.metrics, valueName: "file"), completion: .file())
    private var metrics: String?

    @Option(help: .setting(.tensorboard, valueName: "dir"), completion: .directory)
    private var tensorboard: String?

    @Option(help: .setting(.sample, valueName: "text"))
    private var sample: String?

    @Flag(help: .setting(.profile, isCommon: false))
    private var profile = false

    @Flag(help: "Print no progress bar and no saved files.")
    var quiet = false

    func collect(into settings: inout Settings) {
        exchange.collect(into: &settings)
        settings.take(.members, members)
        settings.take(.verifyReplicas, verifyReplicas)
        settings.take(.stallTimeout, stallTimeout)
        settings.take(.metrics, metrics)
        settings.take(.tensorboard, tensorboard)
        settings.take(.sample, sample)
        settings.take(.profile, profile ? true : nil)
    }
}
