import Glibc

/// Wall-clock time that never goes back.
public enum Clock {
    /// Seconds since an arbitrary moment.
    public static var seconds: Double {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return Double(time.tv_sec) + Double(time.tv_nsec) * 1e-9
    }

    /// Adds the seconds that `body` takes to a total.
    static func time<Result>(_ total: inout Double, _ body: () throws -> Result) rethrows -> Result {
        let start = seconds
        defer { total += seconds - start }
        return try body()
    }
}
