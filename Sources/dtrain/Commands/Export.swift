import ArgumentParser
import DTrainCore
import Exchange

extension ExchangeFormat: ExpressibleByArgument {}

/// `dtrain export`: the generator alone, for dtrain or another program.
struct Export: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Export a model for dtrain or another program.",
        discussion: """
            Weights and vocabulary, without optimiser state. 'dtrain generate --checkpoint DIR' runs the dtrain format; \
            docs/python.md has loaders for the others.
            """)

    @Option(
        help: .init("A checkpoint, or a folder of checkpoints (its newest valid one).", valueName: "file-or-dir"),
        completion: .file())
    var checkpoint: String

    @Option(help: "File format; dtrain writes a folder, the others one file.")
    var format = ExchangeFormat.dtrain

    @Option(
        help: .init("The folder to write to with the format dtrain, the file with the others.", valueName: "path"),
        completion: .file())
    var output: String

    @OptionGroup var file: ModelFileOptions

    @Flag(help: "Replace a file that is there already.")
    var overwrite = false

    func run() throws {
        try format.requireFree(output, overwrite: overwrite)
        try CleanEnd.removingTemporaries(in: format == .dtrain ? output : Folder.parent(of: output))
        let (checkpoint, vocabulary) = try file.open(checkpoint)
        let model = try ExchangeModel(checkpoint, vocabulary: vocabulary)
        let written = try format.write(model, to: output, overwrite: overwrite)
        try Console.output("\(written)\n")
    }
}
