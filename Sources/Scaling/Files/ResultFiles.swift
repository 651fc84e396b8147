import DTrainCore
import FoundationEssentials

/// The files of an experiment: the report and all that it was drawn from.
public enum ResultFiles {
    /// Their names.
    public static let names = ["report.html", "experiment.json", "summary.csv", "steps.csv"]

    /// Writes them all into a folder that exists.
    ///
    /// - Throws: `DTrainError` with `inputOutput` when one can't be written.
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

    /// Everything, each step included, in snake_case.
    static func json(_ experiment: Experiment) throws -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .prettyPrinted, .withoutEscapingSlashes]
        encoder.keyEncodingStrategy = .convertToSnakeCase
        do {
            return String(decoding: try encoder.encode(experiment), as: UTF8.self) + "\n"
        } catch {
            throw DTrainError(.internal, "the experiment has a number that JSON can't represent: \(error); report this")
        }
    }
}
