import ArgumentParser
import DTrainCore
import DTrainDistributed
import FoundationEssentials

/// The text that a command reads.
struct TextOptions: ParsableArguments {
    @Option(
        parsing: .upToNextOption,
        help: .init(
            "UTF-8 text: files, folders (their *.txt), or - for standard input, joined (default: $DTRAIN_DATA, else the "
                + "fetched corpus).", valueName: "path"), completion: .file())
    private var data: [String] = []

    /// What was named; nil for nothing.
    var given: [String]? { data.isEmpty ? nil : data.map { $0 == "-" ? "/dev/stdin" : $0 } }

    /// The options with a text: where none is named, that of rank 0, whose environment other hosts needn't have; collective.
    func complete(_ options: TrainingOptions, _ communicator: any Communicator) throws -> TrainingOptions {
        let own = try communicator.collectively {
            try communicator.isRoot && options.data.isEmpty ? DefaultCorpus.paths() : options.data
        }
        let shared = try communicator.broadcast(Array(try JSONEncoder().encode(own)), from: 0)
        var options = options
        if options.data.isEmpty { options.data = try JSONDecoder().decode([String].self, from: Data(shared)) }
        return options
    }
}
