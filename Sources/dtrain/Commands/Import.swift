import ArgumentParser
import DTrainCore
import Exchange

extension ImportFormat: ExpressibleByArgument {}

/// `dtrain import`: another program's weights as a generator of dtrain's.
struct Import: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Convert another program's weights to a dtrain generator.",
        discussion: """
            The weights are a safetensors file of one embedding, GRU, LSTM or tanh RNN layers, and a dense layer. The result works \
            with 'generate', 'evaluate', 'export' and 'train --init'. docs/formats.md lists the tensors.
            """)

    @Option(help: "Program whose names and layouts the file uses.")
    var from: ImportFormat

    @Argument(help: "A safetensors file.", completion: .file(extensions: ["safetensors"]))
    var file: String

    @Option(
        help: .init(
            "Vocabulary: a JSON list of characters, or the training text (default: the file's metadata).",
            valueName: "file"), completion: .file())
    var vocabulary: String?

    @Option(
        help: .init(
            "Rename a tensor or module, as in decoder=rnn; repeatable.", valueName: "theirs=ours"))
    var map: [String] = []

    @Option(help: .init("The folder to write generator.safetensors to.", valueName: "dir"), completion: .directory)
    var output: String

    @Flag(help: "Replace a generator that is there already.")
    var overwrite = false

    func run() throws {
        let names = try NameMap(map)
        try ExchangeFormat.dtrain.requireFree(output, overwrite: overwrite)
        try CleanEnd.removingTemporaries(in: output)
        let imported = try from.read(file, vocabulary: vocabulary, names: names)
        let written = try imported.model.save(to: output, overwrite: overwrite)
        for warning in imported.warnings { Console.warning(warning) }
        for remark in imported.remarks { Console.notice(remark) }
        try Console.output("\(written)\n")
    }
}
