import DTrainCore

/// The command that this process was started with, for a shell.
struct RepeatedCommand {
    private let arguments: [String]

    /// Takes the arguments, the program first.
    init(_ arguments: [String]) {
        self.arguments = arguments
    }

    /// The same command.
    var line: String { Self.line(arguments) }

    /// The same training, going on from its newest checkpoint; for this and any further time.
    var resuming: String {
        var kept: [String] = []
        var rest = arguments[...]
        while let argument = rest.popFirst() {
            switch argument {
            case "--resume", "--overwrite": break
            case "--init", "--resume-from": rest = rest.dropFirst()
            default:
                if !argument.hasPrefix("--init="), !argument.hasPrefix("--resume-from=") { kept.append(argument) }
            }
        }
        return Self.line(kept + ["--resume"])
    }

    private static func line(_ words: [String]) -> String { words.map(\.shellWord).joined(separator: " ") }
}
