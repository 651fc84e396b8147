import Foundation

/// How much of the long tests runs: a fast part by default, all of it with `DTRAIN_TORTURE=1` (`make torture`).
public enum Torture {
    /// Whether all of it was asked for.
    public static let isOn = ProcessInfo.processInfo.environment["DTRAIN_TORTURE"] == "1"

    /// A number of trials: `fast` in an ordinary test run, `full` under torture.
    public static func count(fast: Int, full: Int) -> Int { isOn ? full : fast }

    /// The seed of random trials: another one in each run, which is printed, or what `DTRAIN_TEST_SEED` says.
    public static let seed: UInt64 = {
        let given = ProcessInfo.processInfo.environment["DTRAIN_TEST_SEED"].flatMap(UInt64.init)
        let seed = given ?? .random(in: 0..<1 << 62)
        print("random trials: DTRAIN_TEST_SEED=\(seed)")
        return seed
    }()
}
