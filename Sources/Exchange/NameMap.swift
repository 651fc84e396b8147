import DTrainCore

/// A user's own names of tensors, or of modules, for those of a format.
///
/// A rule `decoder=rnn` is for a tensor of that name, and for all tensors whose names go on behind it with a dot or slash.
public struct NameMap: Hashable, Sendable {
    private struct Rule: Hashable, Sendable {
        let theirs: String
        let ours: String
    }

    private var rules: [Rule] = []

    /// No rules: all names are the format's.
    public init() {}

    /// Reads rules.
    ///
    /// - Parameter rules: `THEIRS=OURS` each.
    /// - Throws: `DTrainError` with `usage` for one that has another form, or is there twice.
    public init(_ rules: [String]) throws {
        for text in rules {
            let parts = text.split(separator: "=", omittingEmptySubsequences: false).map(String.init)
            guard parts.count == 2, !parts.contains("") else {
                throw DTrainError(
                    .usage, "`map` takes THEIRS=OURS, not \(text.quotedForMessage); write it as in decoder=rnn")
            }
            let rule = Rule(theirs: parts[0], ours: parts[1])
            guard !self.rules.contains(rule) else {
                throw DTrainError(.usage, "`map` \(text.quotedForMessage) is given twice; leave one out")
            }
            self.rules.append(rule)
        }
    }

    /// The format's names for a name of a file: several where one tensor serves in several places.
    ///
    /// Of the rules that fit, those for the longest name count.
    func ours(of name: String) -> [String] {
        let found = rules.compactMap { rule in Self.rest(of: name, behind: rule.theirs).map { (rule, $0) } }
        guard let longest = found.map(\.0.theirs.utf8.count).max() else { return [name] }
        return found.filter { $0.0.theirs.utf8.count == longest }.map { "\($0.0.ours)\($0.1)" }
    }

    /// The first rule that is for none of these names; nil when each is for one.
    func unused(in names: some Sequence<String>) -> String? {
        rules.first { rule in !names.contains { Self.rest(of: $0, behind: rule.theirs) != nil } }?.theirs
    }

    /// What follows a module's name, or nothing for a name itself; nil where the name is another.
    private static func rest(of name: String, behind module: String) -> Substring? {
        guard name.hasPrefix(module) else { return nil }
        let rest = name.dropFirst(module.count)
        return rest.isEmpty || rest.first == "." || rest.first == "/" ? rest : nil
    }
}
