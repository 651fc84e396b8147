/// A median with a distribution-free confidence interval between two order statistics of the
/// sample.
///
/// Of n independent values, the k-th smallest and the k-th largest enclose the distribution's
/// median with probability 1 − 2·P(Bin(n, ½) < k). For 5 values the minimum and the maximum do so
/// with 93.75 %.
public struct MedianInterval: Hashable, Sendable, Codable {
    /// The sample's median.
    public let median: Double
    /// The interval's lower end.
    public let low: Double
    /// The interval's upper end.
    public let high: Double
    /// The probability that the interval encloses the true median.
    public let coverage: Double
    /// The number of values.
    public let count: Int

    /// Computes the median of a sample; nil for an empty one.
    ///
    /// - Parameters:
    ///   - values: the sample, in any order.
    ///   - confidence: the requested coverage. A sample too small for it gets its minimum and
    ///     maximum, with their coverage.
    public init?(of values: [Double], confidence: Double = 0.95) {
        guard let median = Self.median(of: values) else { return nil }
        let sorted = values.sorted()
        var rank = 1
        while 2 * (rank + 1) <= sorted.count, Self.coverage(count: sorted.count, rank: rank + 1) >= confidence {
            rank += 1
        }
        self.median = median
        low = sorted[rank - 1]
        high = sorted[sorted.count - rank]
        coverage = Self.coverage(count: sorted.count, rank: rank)
        count = sorted.count
    }

    /// The middle value of a sample, or the mean of its two middle values; nil for an empty one.
    public static func median(of values: [Double]) -> Double? {
        guard !values.isEmpty else { return nil }
        let sorted = values.sorted()
        let middle = sorted.count / 2
        return sorted.count.isMultiple(of: 2) ? (sorted[middle - 1] + sorted[middle]) / 2 : sorted[middle]
    }

    /// The coverage of the interval: 1 − 2·P(Bin(n, ½) < k).
    static func coverage(count: Int, rank: Int) -> Double {
        var term = 1.0
        for _ in 0..<count { term /= 2 }
        var below = 0.0
        for successes in 0..<rank {
            below += term
            term *= Double(count - successes) / Double(successes + 1)
        }
        return max(0, 1 - 2 * below)
    }
}
