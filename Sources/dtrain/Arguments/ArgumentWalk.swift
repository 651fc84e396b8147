import ArgumentParser
import DTrainCore

/// One way through the words of a command.
struct ArgumentWalk {
    private(set) var flags: CommandFlags
    /// The program's other commands, for flags that are theirs.
    let others: [any ParsableCommand.Type]
    private(set) var passing: ArgumentCheck.Passing

    /// What other programs take after a switch.
    private static let switches: Set<String> = ["true", "false", "yes", "no", "on", "off", "0", "1"]

    private var given: [String: String] = [:]
    private var rest: ArraySlice<String> = []
    /// The words so far that belong to no flag.
    private var wordCount = 0

    init(flags: CommandFlags, others: [any ParsableCommand.Type], passing: ArgumentCheck.Passing) {
        self.flags = flags
        self.others = others
        self.passing = passing
    }

    /// Takes the words that follow for those of another command, which can't repeat what was given to the first.
    mutating func switchCommand(to flags: CommandFlags) {
        self.flags = flags
        wordCount = 0
        passing = .none
    }

    /// The words, with each value that begins with a dash joined to its flag.
    ///
    /// - Throws: `DTrainError` with `usage`.
    mutating func checked(_ words: [String]) throws -> [String] {
        var result: [String] = []
        var previous: CommandFlag?
        rest = words[...]
        while let word = rest.popFirst() {
            guard Self.beginsWithADash(word) else {
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
            try note(flag)
            previous = flag
            if parts.count == 2 {
                guard flag.values != .none else { throw withoutValue(flag) }
                result += [word] + (flag.values == .several ? furtherValues() : [])
            } else {
                let values = try values(of: flag)
                // The parser would take it for a flag.
                let isJoined = flag.values != .anyWord && values.first.map(Self.beginsWithADash) == true
                result += isJoined ? ["\(word)=\(values[0])"] + values.dropFirst() : [word] + values
            }
        }
        return result
    }

    private func stray(_ word: String, after flag: CommandFlag?) -> DTrainError {
        guard let flag, flag.values == .none else {
            return StrayWord.argument(word, after: flag, flags: flags, passing: passing, others: others)
        }
        if Self.switches.contains(word.lowercased()) { return withoutValue(flag) }
        return StrayWord.argument(word, after: nil, flags: flags, passing: passing, others: others)
    }

    /// Refuses a flag that was there already.
    private mutating func note(_ flag: CommandFlag) throws {
        guard !flag.isRepeatable else { return }
        if let earlier = given.updateValue(flag.name, forKey: flag.switched) {
            let problem =
                earlier == flag.name ? "\(flag.name) is given twice" : "\(earlier) and \(flag.name) exclude each other"
            throw usage("\(problem): leave one of them out")
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
        let found = rest.prefix { !Self.beginsWithADash($0) }
        rest = rest.dropFirst(found.count)
        return Array(found)
    }

    /// A dash alone is no flag, but standard input.
    private static func beginsWithADash(_ word: String) -> Bool { word.hasPrefix("-") && word != "-" }

    private func missingValue(_ flag: CommandFlag, before next: String? = nil) -> DTrainError {
        guard let next else { return usage("\(flag.name) has no value: write \(flag.name) <\(flag.valueName)>") }
        let name = String(next.prefix { $0 != "=" })
        guard flags[name] == nil else {
            return usage("\(flag.name) has no value before \(name): write \(flag.name) <\(flag.valueName)>")
        }
        return usage(
            "\(flag.name) has no value: '\(next)' looks like a flag; if it is the value, write '\(flag.name)=\(next)'")
    }

    private func withoutValue(_ flag: CommandFlag) -> DTrainError {
        let inverse = flags["--no-\(flag.name.dropFirst(2))"].map { " or \($0.name)" } ?? ""
        return usage("\(flag.name) takes no value: write \(flag.name)\(inverse) alone")
    }

    private func usage(_ text: String) -> DTrainError {
        DTrainError(.usage, text, hint: "see 'dtrain \(flags.command) --help'")
    }
}
