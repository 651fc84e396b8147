import ArgumentParser
import DTrainCore
import Glibc

/// The command line: `dtrain` alone is `dtrain train`.
@main
struct DTrain: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "dtrain",
        abstract: "Trains character-level recurrent language models on CPUs, alone or data-parallel under mpirun.",
        version: VersionText.text,
        subcommands: [
            Train.self, Generate.self, Evaluate.self, Export.self, Import.self, Summary.self, ReportRuns.self,
            Compare.self,
            Inspect.self, Scale.self, Supervise.self, DescribeRank.self,
        ],
        defaultSubcommand: Train.self)

    /// Parses and runs a command.
    ///
    /// Unlike ArgumentParser's own `main`, it prints an error as one line that starts with `error:`
    /// and exits with the error's code.
    static func main() {
        do {
            // The parser would describe the default command alone.
            if CommandLine.arguments.dropFirst() == ["--experimental-dump-help"] {
                try Console.output(_dumpHelp() + "\n")
                return
            }
            var command = try parseAsRoot(try checked(Array(CommandLine.arguments.dropFirst())))
            try command.run()
        } catch let error as DTrainError {
            Console.error("\(error)")
            Glibc.exit(error.category.rawValue)
        } catch {
            leave(with: error)
        }
    }

    /// Returns the words in the form that the parser expects.
    ///
    /// - Throws: `DTrainError` with `usage`.
    static func checked(_ words: [String]) throws -> [String] {
        try ArgumentCheck.checked(withFullHelp(words), default: Train.self, commands: configuration.subcommands)
    }

    /// Replaces `--help-all` by the parser's name for it, up to `--`.
    private static func withFullHelp(_ words: [String]) -> [String] {
        let end = words.firstIndex(of: "--") ?? words.endIndex
        return words[..<end].map { $0 == "--help-all" ? "--help-hidden" : $0 } + words[end...]
    }

    /// Prints help, version or a usage error, and exits.
    private static func leave(with error: any Error) -> Never {
        let code = exitCode(for: error)
        guard !code.isSuccess, !(error is ExitCode) else { exit(withError: error) }
        var text = message(for: error)
        if text.hasSuffix(".") { text.removeLast() }
        Console.error("\(text); see '\(help(for: error))'")
        Glibc.exit(
            code == .validationFailure ? DTrainError.Category.usage.rawValue : DTrainError.Category.internal.rawValue)
    }

    /// The help command to point at, which the parser reports only at the end of its full message.
    private static func help(for error: any Error) -> String {
        let quoted = fullMessage(for: error).split(separator: "'")
        return quoted.last { $0.hasPrefix("dtrain ") && $0.hasSuffix(" --help") }.map(String.init) ?? "dtrain --help"
    }
}
