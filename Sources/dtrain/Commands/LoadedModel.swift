import ArgumentParser
import DTrainCore
import DTrainDistributed

/// A model read from `--checkpoint`, for the commands that only use one.
struct LoadedModel {
    let checkpoint: Checkpoint
    let vocabulary: Vocabulary

    init(_ path: String) throws {
        checkpoint = try CheckpointDirectory.resolve(path) { Console.warning("passed over: \($0)") }
        vocabulary = try Vocabulary(tokens: checkpoint.metadata.vocabulary)
    }
}

/// Options that the commands share which only use a model.
struct ModelUseOptions: ParsableArguments {
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
