import ArgumentParser
import DTrainCore
import Exchange

extension ImportFormat: ExpressibleByArgument {}

/// `dtrain import`: converts another program's weights to a dtrain generator.
struct Import: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Convert another program's weights to a dtrain generator.",
        discussion: """
            Reads a safetensors file of one embedding, GRU, LSTM or tanh RNN layers, and a dense layer. The result works \
            with 'generate', 'evaluate', 'export' and 'train --init'. docs/formats.md lists the tensors.
            """)

    @Option(help: "Program that defines the tensor names and layouts.")
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

    @Option(help: .init("Output folder for generator.safetensors.", valueName: "dir"), completion: .directory)
    var output: String

    @Flag(help: "Replace an existing generator.")
    var overwrite = false

    func run() throws {
        let names = try NameMap(map)
        try ExchangeFormat.dtrain.requireFree(output, overwrite: overwrite)
        try SignalCleanup.removeTemporaries(in: output)
        let imported = try from.read(file, vocabulary: vocabulary, names: names)
        let written = try imported.model.save(to: output, overwrite: overwrite)
        for warning in imported.warnings { Console.warning(warning) }
        for remark in imported.remarks { Console.notice(remark) }
        try Console.output("\(written)\n")
    }
}
