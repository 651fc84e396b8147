import DTrainCore
import Glibc

/// The text that is used when none is named.
enum DefaultCorpus {
    /// The names under which `scripts/fetch-corpus` keeps a corpus in the user's cache folder, the preferred first.
    private static let names = ["shakespeare.txt", "shakespeare-plays.txt"]

    /// `$DTRAIN_DATA`, else the fetched corpus; says so if that isn't the tutorial's.
    ///
    /// - Throws: `DTrainError` with `noInput` when there is neither.
    static func paths() throws -> [String] {
        if let path = variable("DTRAIN_DATA") { return [path] }
        if let cache = variable("XDG_CACHE_HOME") ?? variable("HOME").map({ "\($0)/.cache" }) {
            let paths = names.map { "\(cache)/dtrain/\($0)" }
            if let path = paths.first(where: { access($0, R_OK) == 0 }) {
                if path != paths.first { announce(path) }
                return [path]
            }
        }
        throw DTrainError(
            .noInput, "no text to train on: name one with --data or $DTRAIN_DATA, or run scripts/fetch-corpus first")
    }

    private static func announce(_ path: String) {
        Console.notice(
            "no --data: training text is '\(path)', not the tutorial's, and losses differ from the tutorial's; "
                + "'scripts/fetch-corpus --refresh' tries to get that")
    }

    private static func variable(_ name: String) -> String? {
        guard let value = getenv(name) else { return nil }
        let text = String(cString: value)
        return text.isEmpty ? nil : text
    }
}
