import DTrainCore

/// A user's own names of tensors, or of modules, for those of a format.
///
/// A rule `decoder=rnn` is for a tensor of that name, and for all tensors whose names continue it with a dot or slash.
public struct NameMap: Hashable, Sendable {
    private struct Rule: Hashable, Sendable {
        let theirs: String
        let ours: String

        /// The format's name for a name of a file; nil where the rule isn't for it.
        func name(for fileName: String) -> String? {
            guard fileName.hasPrefix(theirs) else { return nil }
            let rest = fileName.dropFirst(theirs.count)
            return rest.isEmpty || rest.first == "." || rest.first == "/" ? "\(ours)\(rest)" : nil
        }
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

    /// The format's names for a name of a file, several where one tensor serves in several places; nil where no rule is for it.
    ///
    /// Of the rules that fit, those for the longest name count.
    func ours(of fileName: String) -> [String]? {
        let found = rules.compactMap { rule in rule.name(for: fileName).map { (rule, $0) } }
        guard let longest = found.map(\.0.theirs.utf8.count).max() else { return nil }
        return found.filter { $0.0.theirs.utf8.count == longest }.map(\.1)
    }

    /// The left side of the first rule that is for none of these names; nil when each is for one.
    func unused(in fileNames: some Sequence<String>) -> String? {
        rules.first { rule in !fileNames.contains { rule.name(for: $0) != nil } }?.theirs
    }

    /// The first rule that gives none of these names a name that is wanted; nil when each does.
    ///
    /// - Parameters:
    ///   - fileNames: the names of a file.
    ///   - wanted: the names of the format.
    ///   - spelling: how a name of the format may be spelled, too.
    func misdirected(
        in fileNames: some Sequence<String>, wanted: Set<String>, spelling: (String) -> String
    ) -> String? {
        let found = rules.first { rule in
            !fileNames.contains { rule.name(for: $0).map { wanted.contains(spelling($0)) } ?? false }
        }
        return found.map { "\($0.theirs)=\($0.ours)" }
    }
}
