import ArgumentParser
import DTrainCore
import Exchange

extension ImportFormat: ExpressibleByArgument {}

/// `dtrain import`: another program's weights as a generator of dtrain's.
struct Import: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Make a generator of another program's weights.",
        discussion: """
            The weights are a safetensors file of one embedding, GRU, LSTM or tanh RNN layers, and a dense layer. What is written is \
            for 'generate', 'evaluate', 'export' and 'train --init'. docs/formats.md lists the tensors.
            """)

    @Option(help: "Whose names and layouts the tensors have.")
    var from: ImportFormat

    @Argument(help: "A safetensors file.")
    var file: String

    @Option(
        help: .init(
            "What the ids mean: a JSON list of characters in their order, or the text trained on (default: what the weights' "
                + "metadata says).", valueName: "file"))
    var vocabulary: String?

    @Option(
        help: .init(
            "The file's own name of a tensor or module for that of the format, such as decoder=rnn; give it again for more.",
            valueName: "theirs=ours"))
    var map: [String] = []

    @Option(help: .init("The folder to write generator.safetensors to.", valueName: "dir"))
    var output: String

    @Flag(help: "Replace a generator that is there already.")
    var overwrite = false

    func run() throws {
        let names = try NameMap(map)
        try ExchangeFormat.dtrain.requireFree(output, overwrite: overwrite)
        try CleanEnd.removingTemporaries(in: output)
        let (model, remarks) = try from.read(file, vocabulary: vocabulary, names: names)
        for remark in remarks { Console.notice(remark) }
        try Console.output("\(try model.save(to: output, overwrite: overwrite))\n")
    }
}
