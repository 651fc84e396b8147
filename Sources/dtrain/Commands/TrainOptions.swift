import ArgumentParser
import Core
import Distributed

extension ModelConfiguration.Cell: ExpressibleByArgument {}
extension Precision: ExpressibleByArgument {}

extension GradientSynchronizer.Mode: ExpressibleByArgument {
    /// `tree` or `mpi`.
    public init?(argument: String) {
        switch argument {
        case "tree": self = .tree
        case "mpi": self = .library
        default: return nil
        }
    }

    /// What the help shows.
    public var defaultValueDescription: String { self == .tree ? "tree" : "mpi" }
    /// What may be given.
    public static var allValueStrings: [String] { ["tree", "mpi"] }
}

/// A whole number above 0.
struct Positive: ExpressibleByArgument {
    let value: Int

    init(_ value: Int) { self.value = value }

    init?(argument: String) {
        guard let value = Int(argument), value > 0, value <= Int(Int32.max) else { return nil }
        self.value = value
    }

    var defaultValueDescription: String { "\(value)" }
}

struct DataOptions: ParsableArguments {
    @Option(
        name: .customLong("data"),
        help: .init(
            "UTF-8 text to train on (default: $DTRAIN_DATA, else the corpus that scripts/fetch-corpus has fetched).",
            valueName: "file"))
    var path: String?

    @Option(name: .customLong("batch-size"), help: "Sequences per step over all ranks.")
    private var batchSizeOption = Positive(64)

    @Option(name: .customLong("seq-length"), help: "Characters per sequence.")
    private var seqLengthOption = Positive(100)

    @Flag(inversion: .prefixedNo, help: "Visit the sequences in a new order each epoch; without, in file order.")
    var shuffle = true

    var batchSize: Int { batchSizeOption.value }
    var seqLength: Int { seqLengthOption.value }

    func file() throws -> String { try path ?? DefaultCorpus.path() }
}

struct ModelOptions: ParsableArguments {
    @Option(help: "Kind of recurrent layer.")
    var cell = ModelConfiguration.Cell.gru

    @Option(name: .customLong("layers"), help: "Recurrent layers.")
    private var layersOption = Positive(1)

    @Option(name: .customLong("embedding-dim"), help: "Width of the embedding.")
    private var embeddingDimOption = Positive(256)

    @Option(name: .customLong("rnn-units"), help: "Units of each recurrent layer.")
    private var rnnUnitsOption = Positive(1024)

    var layers: Int { layersOption.value }
    var embeddingDim: Int { embeddingDimOption.value }
    var rnnUnits: Int { rnnUnitsOption.value }

    // Far above what any machine holds; parameter counts stay far below what an Int holds.
    func validate() throws {
        for (flag, value, limit) in [
            ("--layers", layers, 1000), ("--embedding-dim", embeddingDim, 1 << 20), ("--rnn-units", rnnUnits, 1 << 20),
        ] where value > limit {
            throw ValidationError("\(flag) \(value) is impossible: give at most \(limit)")
        }
    }
}

struct LearningOptions: ParsableArguments {
    @Option(name: .customLong("epochs"), help: "Epochs in all, those before a resume included.")
    private var epochsOption = Positive(20)

    @Option(name: .customLong("max-steps"), help: "Stop after this many optimiser steps in all.")
    private var maxStepsOption: Positive?

    @Option(
        name: .customLong("micro-batch-size"),
        help: "Sequences per micro-batch; the result's bits depend on it, never on ranks or threads.")
    private var microBatchSizeOption = Positive(8)

    @Option(help: "Adam's learning rate.")
    var learningRate = 0.001

    @Option(help: "What everything random derives from.")
    var seed: UInt64 = 42

    @Option(help: "Operands of the big products.")
    var precision = Precision.fp32

    var epochs: Int { epochsOption.value }
    var maxSteps: Int? { maxStepsOption?.value }
    var microBatchSize: Int { microBatchSizeOption.value }

    func validate() throws {
        guard learningRate.isFinite, learningRate > 0 else {
            throw ValidationError("--learning-rate \(learningRate) is impossible: give a number above 0")
        }
    }
}

struct CheckpointOptions: ParsableArguments {
    @Option(
        name: .customLong("init"),
        help: .init("Start from the weights of a safetensors file; the shapes come from it.", valueName: "file"))
    var initialWeights: String?

    @Option(help: .init("Folder for ckpt_{epoch}.safetensors, written after each epoch.", valueName: "dir"))
    var checkpointDir = "training_checkpoints"

    @Option(
        name: .customLong("checkpoint-every-steps"),
        help: "Write ckpt_{epoch}_{step}.safetensors inside an epoch, too, each time this many steps are done.")
    private var everyStepsOption: Positive?

    @Option(name: .customLong("keep"), help: "Keep the newest checkpoints only, this many (default: all).")
    private var keepOption: Positive?

    @Flag(
        help: "Delete an earlier training's checkpoints in the folder; with --resume-from, those later than the file.")
    var overwrite = false

    @Flag(help: "Go on from the newest valid checkpoint of the folder; with none there, start from the beginning.")
    var resume = false

    @Option(help: .init("Go on from one checkpoint file.", valueName: "file"))
    var resumeFrom: String?

    var checkpointEverySteps: Int? { everyStepsOption?.value }
    var keep: Int? { keepOption?.value }

    var start: TrainingOptions.Start {
        if let initialWeights { return .weights(initialWeights) }
        if let resumeFrom { return .resumeFrom(resumeFrom) }
        return resume ? .resume : .fresh
    }
}

struct JobOptions: ParsableArguments {
    @Option(name: .customLong("threads"), help: "Worker threads per rank (default: cores ÷ local ranks).")
    private var threadsOption: Positive?

    @Option(
        help: "Who adds the ranks' gradients: tree (the same bits for any number of ranks) or mpi (MPI_Allreduce).")
    var allreduce = GradientSynchronizer.Mode.tree

    @Option(
        name: .customLong("stall-timeout"),
        help: .init(
            "A collective that waits longer ends the job and names the ranks waited for.", valueName: "seconds"))
    private var stallTimeoutOption = Positive(300)

    @Option(help: .init("Write a JSON line for each step and each epoch.", valueName: "file"))
    var metrics: String?

    @Flag(help: "Show where the time of a step goes, at the end and in the metrics.")
    var profile = false

    @Flag(help: "No progress bar.")
    var quiet = false

    var threads: Int? { threadsOption?.value }
    var stallTimeout: Int { stallTimeoutOption.value }
}
