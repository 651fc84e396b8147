import DTrainCore

/// Rules that rename tensors or modules of a file to a format's names.
///
/// The rule `decoder=rnn` applies to the tensor `decoder`, and to all names that start with
/// `decoder.` or `decoder/`.
public struct NameMap: Hashable, Sendable {
    private struct Rule: Hashable, Sendable {
        let theirs: String
        let ours: String

        /// The format's name for a file's name; nil if the rule doesn't apply.
        func name(for fileName: String) -> String? {
            guard fileName.hasPrefix(theirs) else { return nil }
            let rest = fileName.dropFirst(theirs.count)
            return rest.isEmpty || rest.first == "." || rest.first == "/" ? "\(ours)\(rest)" : nil
        }
    }

    private var rules: [Rule] = []

    /// Creates a map without rules.
    public init() {}

    /// Parses rules.
    ///
    /// - Parameter rules: rules of the form `THEIRS=OURS`.
    /// - Throws: `DTrainError` with `usage` for a rule of another form, or one given twice.
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

    /// The format's names for a file's name; nil if no rule applies.
    ///
    /// The rules with the longest matching name apply. Several names result if one tensor serves in
    /// several places.
    func ours(of fileName: String) -> [String]? {
        let found = rules.compactMap { rule in rule.name(for: fileName).map { (rule, $0) } }
        guard let longest = found.map(\.0.theirs.utf8.count).max() else { return nil }
        return found.filter { $0.0.theirs.utf8.count == longest }.map(\.1)
    }

    /// The left side of the first rule that applies to none of these names; nil if there is no such
    /// rule.
    func unused(in fileNames: some Sequence<String>) -> String? {
        rules.first { rule in !fileNames.contains { rule.name(for: $0) != nil } }?.theirs
    }

    /// The first rule that maps none of these names to a wanted name; nil if there is no such rule.
    ///
    /// - Parameters:
    ///   - fileNames: the names of a file.
    ///   - wanted: the names of the format.
    ///   - spelling: converts another spelling of a name to the format's.
    func ruleWithUnknownTarget(
        in fileNames: some Sequence<String>, wanted: Set<String>, spelling: (String) -> String
    ) -> String? {
        let found = rules.first { rule in
            !fileNames.contains { rule.name(for: $0).map { wanted.contains(spelling($0)) } ?? false }
        }
        return found.map { "\($0.theirs)=\($0.ours)" }
    }
}
