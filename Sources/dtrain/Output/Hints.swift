import DTrainCore
import DTrainDistributed

/// The flags for names that the library's messages write in back quotes.
enum Hints {
    /// Flags that are not settings.
    private static let others = ["data", "init", "best", "resume", "resume-from", "vocabulary", "map", "output"]

    private static let names = Set(
        Settings.all.flatMap { $0.isSwitch ? [$0.name, "no-\($0.name)"] : [$0.name] } + others)

    /// Replaces "`seed`" by `--seed`, and so for each flag.
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
