import Testing

@testable import Scaling

/// Medians and their intervals from order statistics.
@Suite struct MedianIntervalTests {
    @Test func theMedianIsTheMiddleOrTheMeanOfTheTwoMiddleValues() {
        #expect(MedianInterval.median(of: [3, 1, 2]) == 2)
        #expect(MedianInterval.median(of: [4, 1, 3, 2]) == 2.5)
        #expect(MedianInterval.median(of: []) == nil)
        #expect(MedianInterval(of: []) == nil)
    }

    /// The minimum and maximum of n values have the coverage 1 − 2·½ⁿ.
    @Test(arguments: 1...12)
    func coverageOfTheExtremesFollowsTheBinomialDistribution(count: Int) {
        var both = 2.0
        for _ in 0..<count { both /= 2 }
        #expect(abs(MedianInterval.coverage(count: count, rank: 1) - (1 - both)) < 1e-12)
    }

    /// Textbook values: order statistics 2 and 8 for n = 9 (96.1 %), 6 and 15 for n = 20 (95.9 %).
    @Test(arguments: [(5, 1, 0.9375), (9, 2, 0.9609375), (20, 6, 0.958610534667969)])
    func theIntervalHasTheExpectedRanksAndCoverage(count: Int, rank: Int, coverage: Double) throws {
        let interval = try #require(MedianInterval(of: (1...count).map(Double.init).reversed()))
        #expect(interval.low == Double(rank))
        #expect(interval.high == Double(count + 1 - rank))
        #expect(abs(interval.coverage - coverage) < 1e-12)
        #expect(interval.count == count)
    }

    @Test func anIntervalOfOneValueHasNoCoverage() throws {
        let interval = try #require(MedianInterval(of: [7]))
        #expect((interval.low, interval.median, interval.high) == (7, 7, 7))
        #expect(interval.coverage == 0)
    }
}
