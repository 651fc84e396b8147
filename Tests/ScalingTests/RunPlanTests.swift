import Testing

@testable import Scaling

/// What an experiment starts.
@Suite struct RunPlanTests {
    private let choice = RunPlan.Choice(
        ranks: [4, 1, 2], modes: [.strong, .weak], threads: nil, batchSize: 64, microBatchSize: 8, cores: 6)

    @Test func everySeriesIsThere() {
        let plans = RunPlan.all(choice)
        #expect(Set(plans.map(\.name)).count == plans.count)
        #expect(plans.filter { $0.isIn(.base) }.map(\.threads) == [1, 2, 4, 6])
        #expect(plans.filter { $0.isIn(.base) || $0.isIn(.smallBatch) }.allSatisfy { !$0.isLaunched })
        #expect(plans.filter { $0.isIn(.strong) }.map(\.batchSize) == [64, 64, 64])
        #expect(plans.filter { $0.isIn(.weak) }.map(\.batchSize) == [64, 128, 256])
        #expect(plans.filter { $0.isIn(.smallBatch) }.map(\.batchSize) == [32, 16, 8])
        #expect(plans.filter { $0.isIn(.latency) }.map(\.ranks) == [2, 4])
        // One rank is the same run for both series.
        #expect(plans.filter { $0.isLaunched && $0.ranks == 1 }.map(\.series) == [[.strong, .weak]])
    }

    @Test func noConfigurationAlwaysFollowsTheSameOne() {
        let plans = RunPlan.all(choice)
        for index in 0..<plans.count {
            let order = RunPlan.order(plans, repeat: index)
            #expect(order.first == plans[index])
            #expect(Set(order) == Set(plans))
        }
    }
}
