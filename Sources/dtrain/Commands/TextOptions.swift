import ArgumentParser
import DTrainCore
import DTrainDistributed
import FoundationEssentials

/// The text that a command reads.
struct TextOptions: ParsableArguments {
    @Option(
        parsing: .upToNextOption,
        help: .init(
            "UTF-8 text files, folders (their *.txt), or - for standard input (default: $DTRAIN_DATA, else the fetched "
                + "corpus).", valueName: "path"), completion: .file())
    private var data: [String] = []

    /// The paths given; nil if none.
    var given: [String]? { data.isEmpty ? nil : data.map { $0 == "-" ? "/dev/stdin" : $0 } }

    /// Fills in the default text if none was given; collective.
    ///
    /// Rank 0 finds the default: other hosts may have another environment.
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
