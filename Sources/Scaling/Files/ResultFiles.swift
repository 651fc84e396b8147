import DTrainCore
import FoundationEssentials

/// The result files of an experiment: the report and its data.
public enum ResultFiles {
    /// The names of the files.
    public static let names = ["report.html", "experiment.json", "summary.csv", "steps.csv"]

    /// Writes all files into an existing folder.
    ///
    /// - Throws: `DTrainError` with `inputOutput` when a file can't be written.
    public static func write(_ experiment: Experiment, to folder: String) throws {
        let contents = [
            Report.html(experiment), try json(experiment), CommaSeparated.summary(experiment),
            CommaSeparated.steps(experiment),
        ]
        for (name, content) in zip(names, contents) {
            try AtomicFile.write(to: "\(folder)/\(name)") { writer in
                try Array(content.utf8).withUnsafeBytes { try writer.write($0) }
            }
        }
    }

    /// The whole experiment as JSON with snake_case keys, each step included.
    static func json(_ experiment: Experiment) throws -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .prettyPrinted, .withoutEscapingSlashes]
        encoder.keyEncodingStrategy = .convertToSnakeCase
        do {
            return String(decoding: try encoder.encode(experiment), as: UTF8.self) + "\n"
        } catch {
            throw DTrainError(
                .internal, "the experiment has a number that JSON can't represent: \(error); please report this")
        }
    }
}
