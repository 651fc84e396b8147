import Foundation

/// The extent of long tests: a fast part by default, all of it with `DTRAIN_TORTURE=1`.
public enum Torture {
    /// Whether the full tests run.
    public static let isOn = ProcessInfo.processInfo.environment["DTRAIN_TORTURE"] == "1"

    /// Returns the number of trials: `fast` in an ordinary test run, `full` under torture.
    public static func count(fast: Int, full: Int) -> Int { isOn ? full : fast }

    /// The printed seed of random trials: the value of `DTRAIN_TEST_SEED`, or a new random one.
    public static let seed: UInt64 = {
        let given = ProcessInfo.processInfo.environment["DTRAIN_TEST_SEED"].flatMap(UInt64.init)
        let seed = given ?? .random(in: 0..<1 << 62)
        print("random trials: DTRAIN_TEST_SEED=\(seed)")
        return seed
    }()
}
