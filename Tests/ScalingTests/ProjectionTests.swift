import Testing

@testable import Scaling

/// Predicted curves to 1,024 ranks and their limits.
@Suite struct ProjectionTests {
    @Test func curvesReach1024RanksAndNameWhatTheyExtrapolate() throws {
        let experiment = try #require(Synthetic().experiment())
        // Strong and weak scaling, each over three assumed networks.
        #expect(experiment.projections.count == 6)
        for projection in experiment.projections {
            #expect(projection.points.map(\.ranks) == (0...10).map { 1 << $0 })
            #expect(projection.link.origin == .assumed)
            for point in projection.points.dropFirst() {
                #expect(point.extrapolates.contains("assumed network"))
                #expect(point.extrapolates.contains("more ranks than measured (4)") == (point.ranks > 4))
            }
            if projection.series == .strong {
                // The batch has eight micro-batches.
                #expect(projection.points.filter { $0.limit == .microBatches }.map(\.ranks) == (4...10).map { 1 << $0 })
            }
        }
    }

    @Test func aMeasuredNetworkReplacesTheAssumedOnes() throws {
        var machine = Synthetic()
        machine.isNetwork = true
        let experiment = try #require(machine.experiment())
        #expect(experiment.projections.count == 2)
        let points = try #require(experiment.projections.first { $0.series == .weak }?.points)
        #expect(points.filter(\.extrapolates.isEmpty).map(\.ranks) == [1, 2, 4])
        #expect(points.allSatisfy { !$0.extrapolates.contains("assumed network") })
    }

    /// Ranks of one thread were measured on hosts of four cores.
    ///
    /// Predictions use one rank with four threads on each host.
    @Test func predictionsUseAllCoresOfAHost() throws {
        var machine = Synthetic()
        machine.isNetwork = true
        let experiment = try #require(machine.experiment())
        #expect(experiment.projections.flatMap(\.points).allSatisfy { $0.cores == 4 * $0.ranks })
        let two = try #require(experiment.projections.first { $0.series == .strong }?.points[1])
        let truth = machine.parts(
            Layout(ranks: 2, threads: 4, hosts: 2, machines: 2, coresPerMachine: 4), experiment.base.workload)
        #expect(abs(two.seconds / truth.total - 1) < 1e-6)
    }

    /// The gradient takes 2 · 16 MB / 117.5 MB/s over 1 Gbit/s, and a hundredth over 100 Gbit/s.
    @Test func aSlowNetworkIsTheLimitAndAFastOneIsNot() throws {
        let experiment = try #require(Synthetic().experiment())
        let weak = experiment.projections.filter { $0.series == .weak }
        let slow = try #require(weak.first?.points.first { $0.ranks == 256 })
        let fast = try #require(weak.last?.points.first { $0.ranks == 4 })
        #expect(slow.limit == .network)
        #expect(slow.step.exchange > 2 * 255.0 / 256 * 16e6 / 117.5e6)
        #expect(fast.limit != .network)
        #expect(fast.efficiency > slow.efficiency)
    }

    private let workload = Workload(batchSize: 64, microBatchSize: 8, sequenceLength: 100, gradientBytes: 1000)

    private func step(fixed: Double = 0, exchange: Double = 0, skew: Double = 0, memory: Double = 1) -> StepPrediction {
        StepPrediction(
            fixedCompute: fixed, sequenceCompute: 1, replicated: 0, skew: skew, exchange: exchange, hiddenExchange: 0,
            memoryPerRank: memory)
    }

    @Test func theLimitIsTheLargestLoss() {
        let local = Layout(ranks: 2, threads: 1, coresPerMachine: 2)
        let spread = Layout(ranks: 2, threads: 1, hosts: 2, machines: 2, coresPerMachine: 2)
        let crowd = Layout(ranks: 4, threads: 1, coresPerMachine: 2)
        let idle = Layout(ranks: 16, threads: 1, hosts: 16, machines: 16, coresPerMachine: 2)
        for (prediction, layout, limit) in [
            (step(fixed: 0.05), local, Limit.compute), (step(fixed: 0.3, exchange: 0.2), local, .smallBatch),
            (step(fixed: 0.2, exchange: 0.3), local, .sharedMemory), (step(exchange: 0.3), spread, .network),
            (step(exchange: 0.2, skew: 0.3), spread, .skew), (step(exchange: 0.3), crowd, .cores),
            (step(exchange: 0.3), idle, .microBatches), (step(exchange: 0.3, memory: 500), local, .memory),
            (step(exchange: 0.3, memory: 500), spread, .network),
        ] {
            #expect(Limit.of(prediction, layout, workload, machineMemory: 1000) == limit, "\(prediction) \(layout)")
        }
        #expect(Limit.of(step(memory: 1e12), local, workload, machineMemory: 0) == .compute)
    }

    @Test func theBaseIsTheFastestSingleProcessAndHasEfficiencyOne() throws {
        let experiment = try #require(Synthetic().experiment())
        #expect(experiment.base.layout.threads == 4)
        #expect(experiment.efficiency(experiment.base) == 1)
        #expect(experiment.speedup(experiment.base) == 1)
        let one = try #require(experiment.measured(.strong).first)
        // One of four cores.
        #expect(abs(experiment.efficiency(one) - 4 * experiment.speedup(one)) < 1e-12)
    }
}
