import ArgumentParser
import DTrainCore
import Exchange

extension ExchangeFormat: ExpressibleByArgument {}

/// `dtrain export`: writes the weights and vocabulary for dtrain or another program.
struct Export: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Export a model for dtrain or another program.",
        discussion: """
            Writes the weights and the vocabulary, without the optimizer state. 'dtrain generate --checkpoint DIR' runs \
            the dtrain format; docs/python.md has loaders for the others.
            """)

    @Option(
        help: .init("A checkpoint, or a folder (its newest valid checkpoint).", valueName: "file-or-dir"),
        completion: .file())
    var checkpoint: String

    @Option(help: "File format; dtrain writes a folder, the others one file.")
    var format = ExchangeFormat.dtrain

    @Option(
        help: .init("Output folder for the format dtrain, output file for others.", valueName: "path"),
        completion: .file())
    var output: String

    @OptionGroup var file: ModelFileOptions

    @Flag(help: "Replace an existing file.")
    var overwrite = false

    func run() throws {
        try format.requireFree(output, overwrite: overwrite)
        try SignalCleanup.removeTemporaries(in: format == .dtrain ? output : Folder.parent(of: output))
        let (checkpoint, vocabulary) = try file.open(checkpoint)
        let model = try ExchangeModel(checkpoint, vocabulary: vocabulary)
        let written = try format.write(model, to: output, overwrite: overwrite)
        try Console.output("\(written)\n")
    }
}
