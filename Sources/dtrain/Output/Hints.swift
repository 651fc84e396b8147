import DTrainCore
import DTrainDistributed

/// The flags of the settings and starts that the library's messages name in back quotes.
enum Hints {
    /// Flags that stand for no setting.
    private static let others = ["data", "init", "resume", "resume-from", "vocabulary", "map", "output"]

    private static let names = Set(
        Settings.all.flatMap { $0.isSwitch ? [$0.name, "no-\($0.name)"] : [$0.name] } + others)

    /// The text with `--seed` in place of "`seed`".
    @Sendable static func spelled(_ text: String) -> String {
        guard text.contains("`") else { return text }
        let parts = text.split(separator: "`", omittingEmptySubsequences: false)
        var result = String(parts[0])
        var previousWasName = false
        for (index, part) in parts.enumerated().dropFirst() {
            let isName = !previousWasName && index < parts.count - 1 && names.contains(String(part))
            result += isName ? "--\(part)" : previousWasName ? String(part) : "`\(part)"
            previousWasName = isName
        }
        return result
    }
}
