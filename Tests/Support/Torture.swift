import Foundation

/// How much of the long tests runs: a fast part by default, all of it with `DTRAIN_TORTURE=1` (`make torture`).
public enum Torture {
    /// Whether all of it was asked for.
    public static let isOn = ProcessInfo.processInfo.environment["DTRAIN_TORTURE"] == "1"

    /// A number of trials: `fast` in an ordinary test run, `full` under torture.
    public static func count(fast: Int, full: Int) -> Int { isOn ? full : fast }
}
