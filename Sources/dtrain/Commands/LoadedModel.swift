import ArgumentParser
import DTrainCore
import DTrainDistributed

/// A model read from `--checkpoint`, for commands that don't train.
struct LoadedModel {
    let checkpoint: Checkpoint
    let vocabulary: Vocabulary

    /// Opens a checkpoint, or a file of weights with its vocabulary.
    init(_ path: String, options: ModelFileOptions) throws {
        (checkpoint, self.vocabulary) = try options.open(path)
    }
}

/// The flags that choose a model file and a vocabulary.
struct ModelFileOptions: ParsableArguments {
    @Option(
        name: .customLong("vocabulary"),
        help: .init(
            "Vocabulary for weights without one: a JSON list, or the training text.",
            valueName: "file"), completion: .file())
    private var path: String?

    @Flag(help: "Use the folder's ckpt_best.safetensors, which has the lowest held-out loss.")
    private var best = false

    /// Opens a checkpoint or a file of weights, and prints remarks about it.
    func open(_ checkpoint: String) throws -> (Checkpoint, Vocabulary) {
        let given = try path.map { try Vocabulary(path: $0) }
        let found =
            best
            ? try CheckpointDirectory.resolveBest(checkpoint, vocabulary: given)
            : try CheckpointDirectory.resolve(checkpoint, vocabulary: given) {
                Console.warning("skipped: \($0)")
            }
        let vocabulary = try found.requireVocabulary()
        for remark in found.remarks { Console.notice(remark) }
        return (found, vocabulary)
    }
}

/// Options shared by the commands that use a model without training it.
struct ModelUseOptions: ParsableArguments {
    @OptionGroup var file: ModelFileOptions

    @Option(name: .customLong("threads"), help: "Worker threads (default: cores).", transform: positive)
    private var threadsOption: Int?

    func validate() throws {
        let cores = ProcessorSet.defaultThreads
        guard let threadsOption, threadsOption > cores else { return }
        Console.warning(
            "\(threadsOption) worker threads share \(cores) core\(cores == 1 ? "" : "s"), which is slower than one "
                + "thread per core: lower --threads to \(cores)")
    }

    var threads: Int { threadsOption ?? ProcessorSet.defaultThreads }
}

extension ArgumentHelp {
    /// The help of the flag for the checkpoint to use.
    static let usedCheckpoint = ArgumentHelp(
        "A checkpoint, or a folder (its newest valid checkpoint, or its generator).",
        valueName: "file-or-dir")
}
