import ArgumentParser
import DTrainCore

/// `dtrain summary`: prints layers and parameter counts.
struct Summary: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Show layers, shapes and parameter counts as Keras does.",
        discussion: "Describes a checkpoint, or the model that the flags define.")

    @Option(help: .init("A checkpoint or a folder of checkpoints.", valueName: "file-or-dir"), completion: .file())
    var checkpoint: String?

    @OptionGroup var model: ModelOptions

    @Option(
        help: "Characters, including [UNK] (default: the checkpoint's, else 66).", transform: positive)
    var vocabularySize: Int?

    func validate() throws {
        guard let vocabularySize else { return }
        guard vocabularySize <= Vocabulary.maximumScalarCount + 1 else {
            throw ValidationError(
                "--vocabulary-size \(vocabularySize) is too large: give at most \(Vocabulary.maximumScalarCount + 1)")
        }
    }

    func run() throws {
        var settings = Settings()
        model.collect(into: &settings)
        guard let checkpoint else {
            let configuration = settings.model(vocabularySize: vocabularySize ?? 66)
            try Console.output(ModelTable(ParameterLayout(configuration)).text + "\n")
            return
        }
        let found = try CheckpointDirectory.resolve(checkpoint) { Console.warning("skipped: \($0)") }
        for remark in found.remarks { Console.notice(remark) }
        try settings.take(sizesOf: found.metadata.model, of: found.path)
        if let vocabularySize, vocabularySize != found.metadata.model.vocabularySize {
            throw DTrainError(
                .usage,
                "the model of '\(found.path)' has --vocabulary-size \(found.metadata.model.vocabularySize), not "
                    + "\(vocabularySize); leave out the flag")
        }
        let batch = found.metadata.settings.map { ($0[.batchSize], $0[.sequenceLength]) }
        try Console.output(ModelTable(found.layout, batch: batch).text + "\n")
    }
}
