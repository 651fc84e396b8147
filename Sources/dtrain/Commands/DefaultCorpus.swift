import DTrainCore
import Glibc

/// The text to use when the command line names none.
enum DefaultCorpus {
    /// File names of `scripts/fetch-corpus` in the user's cache folder, in order of preference.
    private static let names = ["shakespeare.txt", "shakespeare-plays.txt"]

    /// Returns `$DTRAIN_DATA`, or else the fetched corpus.
    ///
    /// Prints a notice if the fetched corpus isn't the tutorial's.
    ///
    /// - Throws: `DTrainError` with `noInput` if there is neither.
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
            .noInput, "no text given", hint: "pass --data, set $DTRAIN_DATA, or run scripts/fetch-corpus first")
    }

    private static func announce(_ path: String) {
        Console.notice(
            "no --data: using '\(path)', which is not the tutorial's text, so losses differ from the tutorial's; "
                + "run 'scripts/fetch-corpus --refresh' to fetch that")
    }

    private static func variable(_ name: String) -> String? {
        guard let value = getenv(name) else { return nil }
        let text = String(cString: value)
        return text.isEmpty ? nil : text
    }
}
