import ArgumentParser
import DTrainCore

/// Checks a command line before the parser sees it.
///
/// The parser alone lets the last of two values win, reads a value that starts with a dash as a
/// flag, and guesses a mistyped flag by its letters only.
struct ArgumentCheck {
    /// Where a command accepts another command's flags.
    enum Passing {
        /// Nowhere.
        case none
        /// After `--`: the command passes on flags of the default command, except those that it
        /// sets itself.
        case flags(except: Set<String>)
        /// In the command line of a job after `--`.
        case job
    }

    /// Words that the parser answers itself, regardless of the other words.
    private static let answers: Set<String> = ["-h", "-help", "--help", "--help-hidden", "--version"]

    /// Returns the words in the form that the parser expects.
    ///
    /// - Parameters:
    ///   - words: the arguments, without the program's name.
    ///   - default: the command that runs when none is named.
    ///   - commands: all commands of the program.
    /// - Throws: `DTrainError` with `usage` for an unknown command or flag, a flag without its
    ///   value, or a repeated flag that takes one value.
    static func checked(
        _ words: [String], default defaultCommand: any ParsableCommand.Type, commands: [any ParsableCommand.Type]
    ) throws -> [String] {
        let end = words.firstIndex(of: "--") ?? words.endIndex
        let own = words[..<end]
        guard let first = own.first, first != "help",
            !own.contains(where: { answers.contains($0) || $0.hasPrefix("--generate-completion-script") })
        else { return words }
        let named = commands.first { $0._commandName == first }
        if named == nil, !first.hasPrefix("-") { throw StrayWord.command(first, commands: commands) }
        let command = named ?? defaultCommand
        let passing = (command as? any PassingCommand.Type)?.passing ?? .none
        var walk = ArgumentWalk(
            flags: try CommandFlags(of: command), others: commands.filter { $0 != command }, passing: passing)
        let checked = try walk.checked(Array(named == nil ? own : own.dropFirst()))
        if case .flags = passing {
            // Otherwise a mistake there would show only after the first training has started.
            walk.switchCommand(to: try CommandFlags(of: defaultCommand))
            _ = try walk.checked(Array(words[end...].dropFirst()))
        }
        return (named == nil ? [] : [first]) + checked + words[end...]
    }
}

/// A command that passes on the words after `--`.
protocol PassingCommand: ParsableCommand {
    static var passing: ArgumentCheck.Passing { get }
}
