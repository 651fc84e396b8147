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

    /// Like ArgumentParser's own, but errors are one line that begins with `error:`, and the exit code is the error's; the
    /// description of all commands, from which manual pages are made, is the program's.
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

    /// The words as the parser should get them.
    ///
    /// - Throws: `DTrainError` with `usage`.
    static func checked(_ words: [String]) throws -> [String] {
        try ArgumentCheck.checked(words, default: Train.self, commands: configuration.subcommands)
    }

    /// Help, version and usage errors.
    private static func leave(with error: any Error) -> Never {
        let code = exitCode(for: error)
        guard !code.isSuccess, !(error is ExitCode) else { exit(withError: error) }
        var text = message(for: error)
        if text.hasSuffix(".") { text.removeLast() }
        Console.error("\(text); see '\(help(for: error))'")
        Glibc.exit(
            code == .validationFailure ? DTrainError.Category.usage.rawValue : DTrainError.Category.internal.rawValue)
    }

    /// The command that lists the flags: which one that is the parser tells only in its full message, at the end.
    private static func help(for error: any Error) -> String {
        let quoted = fullMessage(for: error).split(separator: "'")
        return quoted.last { $0.hasPrefix("dtrain ") && $0.hasSuffix(" --help") }.map(String.init) ?? "dtrain --help"
    }
}
