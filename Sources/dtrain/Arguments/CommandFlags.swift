import ArgumentParser
import FoundationEssentials

/// A flag of a command, as the argument parser describes it.
struct CommandFlag: Hashable, Sendable {
    /// How the flag takes its values.
    enum Values: Hashable, Sendable {
        case none
        /// The next word, unless it is a flag.
        case one
        /// The next word, whatever it is.
        case anyWord
        /// All words up to the next flag.
        case several
    }

    /// The name with its dashes, such as `--epochs`.
    let name: String
    let values: Values
    /// The value's placeholder in the help.
    let valueName: String
    /// Whether a second occurrence adds a value instead of replacing the first.
    let isRepeatable: Bool
    /// The flag without its inversion: `--shuffle` for both `--shuffle` and `--no-shuffle`.
    let switched: String
}

/// The flags of one command, by name.
struct CommandFlags: Sendable {
    /// The command, such as `train`.
    let command: String
    private let flags: [String: CommandFlag]
    /// The flags' names in the order of the full help.
    let names: [String]
    /// The number of positional arguments.
    let words: Int

    /// Reads the flags from the parser's description of the command.
    ///
    /// - Throws: a decoding error if a newer parser uses another format.
    init(of type: any ParsableCommand.Type) throws {
        let tool = try JSONDecoder().decode(Description.self, from: Data(type._dumpHelp().utf8))
        let arguments = tool.command.arguments ?? []
        let all = Set(arguments.flatMap(\.longNames))
        var flags: [String: CommandFlag] = [:]
        var names: [String] = []
        for argument in arguments {
            for name in argument.longNames {
                flags[name] = argument.flag(name, among: all)
                names.append(name)
            }
        }
        command = type._commandName
        self.flags = flags
        self.names = names
        // The remaining ones follow `--`.
        let positional = arguments.filter { $0.kind == "positional" && $0.parsingStrategy != "postTerminator" }
        words = positional.contains(where: \.isRepeating) ? .max : positional.count
    }

    subscript(name: String) -> CommandFlag? { flags[name] }
}

/// The used part of the parser's description.
private struct Description: Decodable {
    struct Command: Decodable { let arguments: [Argument]? }

    struct Name: Decodable {
        let kind: String
        let name: String
    }

    struct Argument: Decodable {
        let kind: String
        let isRepeating: Bool
        let parsingStrategy: String
        let names: [Name]?
        let valueName: String?

        var longNames: [String] { (names ?? []).filter { $0.kind == "long" }.map { "--\($0.name)" } }

        func flag(_ name: String, among all: Set<String>) -> CommandFlag {
            let enabled = "--\(name.dropFirst("--no-".count))"
            let values: CommandFlag.Values =
                switch parsingStrategy {
                case _ where kind != "option": .none
                case "unconditional": .anyWord
                case "upToNextOption": .several
                default: .one
                }
            return CommandFlag(
                name: name, values: values, valueName: valueName ?? "value", isRepeatable: isRepeating,
                switched: name.hasPrefix("--no-") && all.contains(enabled) ? enabled : name)
        }
    }

    let command: Command
}
