import ArgumentParser
import DTrainCore

/// A single pass over the words of a command.
struct ArgumentWalk {
    private(set) var flags: CommandFlags
    /// The program's other commands, to recognize their flags.
    let others: [any ParsableCommand.Type]
    private(set) var passing: ArgumentCheck.Passing

    /// Values that other programs accept after a switch.
    private static let switches: Set<String> = ["true", "false", "yes", "no", "on", "off", "0", "1"]

    private var given: [String: String] = [:]
    private var rest: ArraySlice<String> = []
    /// The number of words so far that belong to no flag.
    private var wordCount = 0

    init(flags: CommandFlags, others: [any ParsableCommand.Type], passing: ArgumentCheck.Passing) {
        self.flags = flags
        self.others = others
        self.passing = passing
    }

    /// Reads the words that follow as another command's; they can't repeat flags of the first
    /// command.
    mutating func switchCommand(to flags: CommandFlags) {
        self.flags = flags
        wordCount = 0
        passing = .none
    }

    /// Checks the words and joins each value that starts with a dash to its flag.
    ///
    /// - Throws: `DTrainError` with `usage`.
    mutating func checked(_ words: [String]) throws -> [String] {
        var result: [String] = []
        var previous: CommandFlag?
        rest = words[...]
        while let word = rest.popFirst() {
            guard Self.startsWithDash(word) else {
                guard wordCount < flags.words else { throw stray(word, after: previous) }
                wordCount += 1
                previous = nil
                result.append(word)
                continue
            }
            let parts = word.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
            guard let flag = flags[parts[0]] else {
                throw UnknownFlag(name: parts[0], flags: flags, others: others, passing: passing).error
            }
            try refuseRepetition(of: flag)
            previous = flag
            if parts.count == 2 {
                guard flag.values != .none else { throw unexpectedValue(flag) }
                result += [word] + (flag.values == .several ? furtherValues() : [])
            } else {
                let values = try values(of: flag)
                // The parser would read it as a flag.
                let isJoined = flag.values != .anyWord && values.first.map(Self.startsWithDash) == true
                result += isJoined ? ["\(word)=\(values[0])"] + values.dropFirst() : [word] + values
            }
        }
        return result
    }

    private func stray(_ word: String, after flag: CommandFlag?) -> DTrainError {
        guard let flag, flag.values == .none else {
            return StrayWord.argument(word, after: flag, flags: flags, passing: passing, others: others)
        }
        if Self.switches.contains(word.lowercased()) { return unexpectedValue(flag) }
        return StrayWord.argument(word, after: nil, flags: flags, passing: passing, others: others)
    }

    /// Refuses a flag that was given before.
    private mutating func refuseRepetition(of flag: CommandFlag) throws {
        guard !flag.isRepeatable else { return }
        if let earlier = given.updateValue(flag.name, forKey: flag.switched) {
            let problem =
                earlier == flag.name ? "\(flag.name) is given twice" : "\(earlier) and \(flag.name) exclude each other"
            throw usage("\(problem): leave one out")
        }
    }

    private mutating func values(of flag: CommandFlag) throws -> [String] {
        switch flag.values {
        case .none: return []
        case .several:
            return [try nextValue(of: flag)] + furtherValues()
        case .one, .anyWord:
            return [try nextValue(of: flag)]
        }
    }

    private mutating func nextValue(of flag: CommandFlag) throws -> String {
        guard let value = rest.first else { throw missingValue(flag) }
        if flag.values != .anyWord, value.hasPrefix("--") { throw missingValue(flag, before: value) }
        rest = rest.dropFirst()
        return value
    }

    private mutating func furtherValues() -> [String] {
        let found = rest.prefix { !Self.startsWithDash($0) }
        rest = rest.dropFirst(found.count)
        return Array(found)
    }

    /// A dash alone means standard input and isn't a flag.
    private static func startsWithDash(_ word: String) -> Bool { word.hasPrefix("-") && word != "-" }

    private func missingValue(_ flag: CommandFlag, before next: String? = nil) -> DTrainError {
        guard let next else { return usage("\(flag.name) has no value: write \(flag.name) <\(flag.valueName)>") }
        let name = String(next.prefix { $0 != "=" })
        guard flags[name] == nil else {
            return usage("\(flag.name) has no value before \(name): write \(flag.name) <\(flag.valueName)>")
        }
        return usage(
            "\(flag.name) has no value: '\(next)' looks like a flag; if it is the value, write '\(flag.name)=\(next)'")
    }

    private func unexpectedValue(_ flag: CommandFlag) -> DTrainError {
        let inverse = flags["--no-\(flag.name.dropFirst(2))"].map { " or \($0.name)" } ?? ""
        return usage("\(flag.name) takes no value: write \(flag.name)\(inverse) alone")
    }

    private func usage(_ text: String) -> DTrainError {
        DTrainError(.usage, text, hint: "see 'dtrain \(flags.command) --help'")
    }
}
