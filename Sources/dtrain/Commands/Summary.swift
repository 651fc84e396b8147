import ArgumentParser
import Core

/// `dtrain summary`: the layers and their parameters.
struct Summary: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Show layers, shapes and parameter counts as Keras does.",
        discussion: "Of a checkpoint, or of the model that the options describe.")

    @Option(help: .init("A checkpoint or a folder of checkpoints.", valueName: "file-or-dir"))
    var checkpoint: String?

    @OptionGroup var model: ModelOptions

    @Option(name: .customLong("vocabulary-size"), help: "Characters, [UNK] included (the tutorial's: 66).")
    private var vocabularySizeOption = Positive(66)

    func validate() throws {
        guard vocabularySizeOption.value <= Vocabulary.maximumScalarCount + 1 else {
            throw ValidationError(
                "--vocabulary-size \(vocabularySizeOption.value) is impossible: give at most "
                    + "\(Vocabulary.maximumScalarCount + 1)")
        }
    }

    func run() throws {
        guard let checkpoint else {
            let configuration = ModelConfiguration(
                cell: model.cell, layers: model.layers, embeddingDim: model.embeddingDim, rnnUnits: model.rnnUnits,
                vocabularySize: vocabularySizeOption.value)
            try Console.output(ModelTable(ParameterLayout(configuration)).text + "\n")
            return
        }
        let found = try CheckpointDirectory.resolve(checkpoint) { Console.warning("passed over: \($0)") }
        let settings = found.metadata.settings
        try Console.output(
            ModelTable(found.layout, batch: settings.map { ($0.batchSize, $0.sequenceLength) }).text + "\n")
    }
}
