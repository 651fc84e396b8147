import ArgumentParser
import DTrainCore

/// Checks the words of a command line before the parser sees them.
///
/// The parser lets the last of two values win, takes a value that begins with a dash for a flag, and guesses a mistyped flag
/// by its letters alone.
struct ArgumentCheck {
    /// Where another command's flags go.
    enum Passing {
        /// Nowhere.
        case none
        /// After `--`, where the command takes further flags of the default command, but for those that it sets itself.
        case flags(except: Set<String>)
        /// Into the command line of a job after `--`.
        case job
    }

    /// Words for which the parser has its own answer, whatever else is there.
    private static let answers: Set<String> = ["-h", "-help", "--help", "--help-hidden", "--version"]

    /// The words as the parser should get them.
    ///
    /// - Parameters:
    ///   - words: the arguments, without the program's name.
    ///   - default: the command that runs when none is named.
    ///   - commands: all commands of the program.
    /// - Throws: `DTrainError` with `usage` for an unknown command or flag, for one without its value, and for one that is
    ///   given again and can't be.
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
            // A mistake there would otherwise show only when the first training has been started.
            walk.switchCommand(to: try CommandFlags(of: defaultCommand))
            _ = try walk.checked(Array(words[end...].dropFirst()))
        }
        return (named == nil ? [] : [first]) + checked + words[end...]
    }
}

/// A command that passes on what stands after `--`.
protocol PassingCommand: ParsableCommand {
    static var passing: ArgumentCheck.Passing { get }
}
