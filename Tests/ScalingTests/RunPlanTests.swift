import Testing

@testable import Scaling

/// The configurations of an experiment.
@Suite struct RunPlanTests {
    private let choice = RunPlan.Choice(
        ranks: [4, 1, 2], modes: [.strong, .weak], threads: nil, batchSize: 64, microBatchSize: 8, cores: 6)

    @Test func thePlanHasEverySeries() {
        let plans = RunPlan.all(choice)
        #expect(Set(plans.map(\.name)).count == plans.count)
        #expect(plans.filter { $0.isIn(.base) }.map(\.threads) == [1, 2, 4, 6])
        #expect(plans.filter { $0.isIn(.base) || $0.isIn(.smallBatch) }.allSatisfy { !$0.isLaunched })
        #expect(plans.filter { $0.isIn(.strong) }.map(\.batchSize) == [64, 64, 64])
        #expect(plans.filter { $0.isIn(.weak) }.map(\.batchSize) == [64, 128, 256])
        #expect(plans.filter { $0.isIn(.smallBatch) }.map(\.batchSize) == [32, 16, 8, 8])
        #expect(plans.filter { $0.isIn(.smallBatch) }.map(\.threads) == [6, 6, 6, 1])
        for series in [Series.latency, .exchange] {
            #expect(plans.filter { $0.isIn(series) }.map(\.ranks) == [2, 4])
            #expect(plans.filter { $0.isIn(series) }.map(\.batchSize) == [16, 32])
        }
        // With one rank, both series are the same run.
        #expect(plans.filter { $0.isLaunched && $0.ranks == 1 }.map(\.series) == [[.strong, .weak]])
    }

    /// Machines of four cores with two hardware threads each, of six cores, and of one core.
    @Test(arguments: [(4, 8, [1, 2, 4, 8]), (6, 6, [1, 2, 4, 6]), (1, 2, [1, 2]), (1, 1, [1])])
    func theBaseIncludesAllHardwareThreads(cores: Int, processors: Int, threads: [Int]) {
        #expect(RunPlan.baseThreads(cores: cores, processors: processors) == threads)
    }

    @Test func theBaseHasTheChosenThreads() {
        var chosen = choice
        chosen.baseThreads = [3, 1]
        #expect(RunPlan.all(chosen).filter { $0.isIn(.base) }.map(\.threads) == [1, 3])
    }

    /// With one core, the smallest batch already runs on one thread.
    @Test func oneCoreRunsNoConfigurationTwice() {
        var single = choice
        single.cores = 1
        single.processors = 1
        #expect(RunPlan.all(single).filter { $0.isIn(.smallBatch) }.map(\.batchSize) == [32, 16, 8])
    }

    @Test(arguments: [(256, nil), (255, "at most 3 ranks are possible"), (64, "at most 1 rank is possible"), (63, nil)])
    func weakScalingRequiresABatchPerRank(sequences: Int, message: String?) {
        expect(choice, sequences, message)
    }

    @Test func strongScalingRequiresAMicroBatchPerRank() {
        var strong = choice
        strong.modes = [.strong]
        expect(strong, 64, nil)
        strong.ranks = [9]
        expect(strong, 64, "at most 8 ranks are possible; lower --ranks or --micro-batch-size")
        strong.ranks = [1]
        expect(strong, 64, nil)
    }

    private func expect(_ choice: RunPlan.Choice, _ sequences: Int, _ message: String?) {
        var thrown: String?
        do { try choice.requireSequences(sequences, of: "t.txt") } catch { thrown = "\(error)" }
        #expect((thrown == nil) == (message == nil), "\(thrown ?? "")")
        if let message { #expect(thrown?.contains(message) == true, "\(thrown ?? "")") }
    }

    @Test func eachRepeatStartsWithAnotherConfiguration() {
        let plans = RunPlan.all(choice)
        for index in 0..<plans.count {
            let order = RunPlan.order(plans, repeat: index)
            #expect(order.first == plans[index])
            #expect(Set(order) == Set(plans))
        }
    }
}
