import ArgumentParser
import DTrainCore
import Glibc

/// The errors for a word that is neither a command nor a flag.
enum StrayWord {
    /// The error for a first word that isn't a command.
    static func command(_ word: String, commands: [any ParsableCommand.Type]) -> DTrainError {
        let names = commands.filter { $0.configuration.shouldDisplay }.map { $0._commandName }
        let help = "see 'dtrain --help'"
        if let meant = names.first(where: { $0.hasPrefix(word) }) ?? Suggestions.nearest(word, among: names)
            ?? otherNames[word.lowercased()]
        {
            return DTrainError(.usage, "unknown command '\(word)': did you mean 'dtrain \(meant)'", hint: help)
        }
        if access(word, F_OK) == 0 {
            return DTrainError(
                .usage, "'\(word)' is a file, not a command: to train on it, write --data '\(word)'", hint: help)
        }
        return DTrainError(
            .usage, "unknown command '\(word)': the commands are \(names.joined(separator: ", "))", hint: help)
    }

    private static let quotes = "put quotes around a value with spaces"

    /// Names that other programs use for dtrain's commands.
    private static let otherNames = [
        "fit": "train", "learn": "train", "run": "train", "resume": "train --resume", "sample": "generate",
        "predict": "generate", "load": "import", "eval": "evaluate", "test": "evaluate", "score": "evaluate",
        "convert": "export",
        "save": "export", "info": "summary", "show": "summary", "bench": "scale", "benchmark": "scale",
        "restart": "supervise", "watch": "supervise", "plot": "report", "diff": "compare", "surprisal": "inspect",
    ]

    /// The error for a word among a command's flags.
    static func argument(
        _ word: String, after flag: CommandFlag?, flags: CommandFlags, passing: ArgumentCheck.Passing,
        others: [any ParsableCommand.Type]
    ) -> DTrainError {
        let command = flags.command
        let help = "see 'dtrain \(command) --help'"
        let unexpected = "unexpected argument '\(word)'"
        if case .job = passing {
            return DTrainError(
                .usage, "\(unexpected): write the job's command after '--', as in 'dtrain \(command) -- \(word) …'",
                hint: help)
        }
        if others.contains(where: { $0._commandName == word }) || word == command {
            return DTrainError(
                .usage, "\(unexpected): the command comes first, as in 'dtrain \(word) …'", hint: help)
        }
        if let flag {
            let advice =
                flag.isRepeatable ? "\(Self.quotes), or write \(flag.name) before each value" : Self.quotes
            return DTrainError(.usage, "\(unexpected) after \(flag.name): \(advice)", hint: help)
        }
        let limit =
            flags.words == 0
            ? "only flags" : "\(flags.words) argument\(flags.words == 1 ? "" : "s") besides its flags"
        return DTrainError(.usage, "\(unexpected): \(command) takes \(limit)", hint: help)
    }
}
