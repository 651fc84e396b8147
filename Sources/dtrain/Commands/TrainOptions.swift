import ArgumentParser
import DTrainCore
import DTrainDistributed

extension Cell: ExpressibleByArgument {}
extension Precision: ExpressibleByArgument {}
extension GradientSynchronizer.Compression: ExpressibleByArgument {}

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

struct DataOptions: ParsableArguments {
    @Option(
        name: .customLong("data"),
        help: .init(
            "UTF-8 text to train on (default: $DTRAIN_DATA, else the corpus that scripts/fetch-corpus has fetched).",
            valueName: "file"))
    var path: String?

    @Option(help: "Sequences per step over all ranks (default: 64).", transform: positive)
    var batchSize = 64

    @Option(help: "Characters per sequence (default: 100).", transform: positive)
    var seqLength = 100

    @Flag(inversion: .prefixedNo, help: "Visit the sequences in a new order each epoch; without, in file order.")
    var shuffle = true

    func file() throws -> String { try path ?? DefaultCorpus.path() }
}

struct ModelOptions: ParsableArguments {
    // Without defaults of their own: a file that gives the sizes must not be contradicted.
    @Option(help: "Kind of recurrent layer (default: gru).")
    var cell: Cell?

    @Option(help: "Recurrent layers (default: 1).", transform: positive)
    var layers: Int?

    @Option(help: "Width of the embedding (default: 256).", transform: positive)
    var embeddingDim: Int?

    @Option(help: "Units of each recurrent layer (default: 1024).", transform: positive)
    var rnnUnits: Int?

    var choice: ModelChoice {
        ModelChoice(cell: cell, layers: layers, embeddingDim: embeddingDim, rnnUnits: rnnUnits)
    }

    // Far above what any machine holds; parameter counts stay far below what an Int holds.
    func validate() throws {
        for (flag, value, limit) in [
            ("--layers", layers, 1000), ("--embedding-dim", embeddingDim, 1 << 20), ("--rnn-units", rnnUnits, 1 << 20),
        ] {
            guard let value, value > limit else { continue }
            throw ValidationError("\(flag) \(value) is impossible: give at most \(limit)")
        }
    }
}

struct LearningOptions: ParsableArguments {
    @Option(help: "Epochs in all, those before a resume included (default: 20).", transform: positive)
    var epochs = 20

    @Option(help: "Stop after this many optimiser steps in all.", transform: positive)
    var maxSteps: Int?

    @Option(
        help: "Sequences per micro-batch; the result's bits depend on it, never on ranks or threads (default: 8).",
        transform: positive)
    var microBatchSize = 8

    @Option(help: "Adam's learning rate (default: 0.001).", transform: positiveNumber)
    var learningRate = 0.001

    @Option(
        help: "Shorten a gradient whose norm over all parameters is larger to this norm (default: off).",
        transform: positiveNumber)
    var clipNorm: Double?

    @Option(help: "What everything random derives from (default: 42).", transform: seedNumber)
    var seed: UInt64 = 42

    @Option(help: "Operands of the big products.")
    var precision = Precision.fp32

    func validate() throws {
        guard epochs > TrainingProgress.maximumEpochs else { return }
        throw ValidationError("--epochs \(epochs) is impossible: give at most \(TrainingProgress.maximumEpochs)")
    }
}

struct CheckpointOptions: ParsableArguments {
    /// Where checkpoints go if nobody says otherwise.
    static let defaultDirectory = "training_checkpoints"

    @Option(
        name: .customLong("init"),
        help: .init("Start from the weights of a safetensors file; the shapes come from it.", valueName: "file"))
    var initialWeights: String?

    @Option(help: .init("Folder for ckpt_{epoch}.safetensors, written after each epoch.", valueName: "dir"))
    var checkpointDir = Self.defaultDirectory

    @Option(
        help: "Write ckpt_{epoch}_{step}.safetensors inside an epoch, too, each time this many steps are done.",
        transform: positive)
    var checkpointEverySteps: Int?

    @Option(help: "Keep the newest checkpoints only, this many (default: all).", transform: positive)
    var keep: Int?

    @Flag(
        help: "Delete an earlier training's checkpoints in the folder; with --resume-from, those later than the file.")
    var overwrite = false

    @Flag(help: "Go on from the newest valid checkpoint of the folder; with none there, start from the beginning.")
    var resume = false

    @Option(help: .init("Go on from one checkpoint file.", valueName: "file"))
    var resumeFrom: String?

    var start: TrainingOptions.Start {
        if let initialWeights { return .weights(initialWeights) }
        if let resumeFrom { return .resumeFrom(resumeFrom) }
        return resume ? .resume : .fresh
    }
}

struct JobOptions: ParsableArguments {
    @Option(help: "Worker threads per rank (default: cores ÷ ranks that share them).", transform: positive)
    var threads: Int?

    @Option(
        help: "Who adds the ranks' gradients: tree (the same bits for any number of ranks) or mpi (MPI_Allreduce).")
    var allreduce = GradientSynchronizer.Mode.tree

    @Option(
        help: "Compare the ranks' weights every so many steps, too, not only at each checkpoint.", transform: positive)
    var verifyReplicas: Int?

    @Option(
        help: .init(
            """
            How gradients travel between ranks: none, or bf16, which halves the traffic; then the bits depend on the \
            number of ranks, and what its rounding carries over isn't in checkpoints.
            """))
    var gradientCompression = GradientSynchronizer.Compression.none

    @Option(
        help: .init(
            "A collective that waits longer ends the job and names the ranks waited for (default: 300).",
            valueName: "seconds"),
        transform: positive)
    var stallTimeout = 300

    @Option(help: .init("Write a JSON line for each step and each epoch.", valueName: "file"))
    var metrics: String?

    @Flag(help: "Show where the time of a step goes, at the end and in the metrics.")
    var profile = false

    @Flag(help: "No progress bar.")
    var quiet = false

    func validate() throws {
        if gradientCompression != .none, allreduce == .library {
            throw ValidationError("--allreduce mpi sends gradients as they are: leave --gradient-compression out")
        }
    }
}
