import ArgumentParser
import DTrainCore

/// `dtrain export`: the generator alone.
struct Export: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Write the generator alone: weights and vocabulary, without optimiser state.",
        discussion: "'dtrain generate --checkpoint DIR' runs what was written.")

    @Option(help: .init("A checkpoint, or a folder of checkpoints (its newest valid one).", valueName: "file-or-dir"))
    var checkpoint: String

    @Option(help: .init("The folder to write generator.safetensors to.", valueName: "dir"))
    var output: String

    @OptionGroup var file: ModelFileOptions

    @Flag(help: "Replace a generator that is there already.")
    var overwrite = false

    func run() throws {
        try CleanEnd.removingTemporaries(in: output)
        try Console.output(try file.open(checkpoint).0.export(to: output, overwrite: overwrite) + "\n")
    }
}
