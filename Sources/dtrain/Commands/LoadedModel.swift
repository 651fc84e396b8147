import ArgumentParser
import DTrainCore
import DTrainDistributed

/// A model read from `--checkpoint`, for the commands that only use one.
struct LoadedModel {
    let checkpoint: Checkpoint
    let vocabulary: Vocabulary

    /// Opens a checkpoint, or any file of weights together with its vocabulary.
    init(_ path: String, options: ModelFileOptions) throws {
        (checkpoint, self.vocabulary) = try options.open(path)
    }
}

/// Which file of a folder is used, and the vocabulary of weights that don't name their own.
struct ModelFileOptions: ParsableArguments {
    @Option(
        name: .customLong("vocabulary"),
        help: .init(
            "What the ids mean, for weights that don't say: a JSON list of characters, or the text trained on.",
            valueName: "file"), completion: .file())
    private var path: String?

    @Flag(help: "Use ckpt_best.safetensors of the folder, which has the least held-out loss.")
    private var best = false

    /// Opens a checkpoint, or any file of weights, and says what is to be known of it.
    func open(_ checkpoint: String) throws -> (Checkpoint, Vocabulary) {
        let given = try path.map { try Vocabulary(path: $0) }
        let found =
            best
            ? try CheckpointDirectory.resolveBest(checkpoint, vocabulary: given)
            : try CheckpointDirectory.resolve(checkpoint, vocabulary: given) {
                Console.warning("passed over: \($0)")
            }
        let vocabulary = try found.requireVocabulary()
        for remark in found.remarks { Console.notice(remark) }
        return (found, vocabulary)
    }
}

/// Options that the commands share which only use a model.
struct ModelUseOptions: ParsableArguments {
    @OptionGroup var file: ModelFileOptions

    @Option(name: .customLong("threads"), help: "Worker threads (default: cores).", transform: positive)
    private var threadsOption: Int?

    func validate() throws {
        let cores = ProcessorSet.defaultThreads
        guard let threadsOption, threadsOption > cores else { return }
        Console.warning(
            "\(threadsOption) worker threads share \(cores) core\(cores == 1 ? "" : "s"), which is slower than one "
                + "thread a core: lower --threads to \(cores)")
    }

    var threads: Int { threadsOption ?? ProcessorSet.defaultThreads }
}

extension ArgumentHelp {
    /// The help of a flag that names a checkpoint to use.
    static let usedCheckpoint = ArgumentHelp(
        "A checkpoint, a folder of checkpoints (its newest valid one), or an exported generator's folder.",
        valueName: "file-or-dir")
}
