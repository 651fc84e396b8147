import Testing

@testable import Scaling

/// The one sentence.
@Suite struct VerdictTests {
    @Test func networkIsNamedWithItsSeconds() throws {
        var machine = Synthetic()
        machine.isNetwork = true
        machine.secondsPerByte = 8.5e-9
        let experiment = try #require(machine.experiment(ranks: [1, 2]))
        #expect(experiment.verdict.hasPrefix("Network: 0.14 s of 0."), "\(experiment.verdict)")
        #expect(experiment.verdict.hasSuffix(" s a step on 2 ranks."), "\(experiment.verdict)")
    }

    @Test func bindingIsNamedBeforeAllElse() throws {
        let measurements = Synthetic().measurements().map { measurement -> Measurement in
            guard measurement.plan.isLaunched, measurement.layout.ranks == 1 else { return measurement }
            let layout = Layout(ranks: 1, threads: 2, coresPerMachine: 1)
            return Measurement(
                plan: measurement.plan, layout: layout, workload: measurement.workload, runs: measurement.runs)
                ?? measurement
        }
        let base = try #require(measurements.first)
        let sentence = Verdict.sentence(measurements, base: base)
        #expect(sentence.hasPrefix("Bound to one core with 2 threads"), "\(sentence)")
    }

    /// Two workers on the two hardware threads of a core are what dtrain starts there itself.
    @Test func hardwareThreadsAreNotCalledBound() throws {
        let measurements = Synthetic().measurements(ranks: [1]).map { measurement -> Measurement in
            guard measurement.plan.isLaunched else { return measurement }
            let layout = Layout(ranks: 1, threads: 2, coresPerMachine: 1, processorsPerMachine: 2, processorsPerRank: 2)
            return Measurement(
                plan: measurement.plan, layout: layout, workload: measurement.workload, runs: measurement.runs)
                ?? measurement
        }
        let base = try #require(measurements.first)
        #expect(!Verdict.sentence(measurements, base: base).contains("Bound"))
    }

    @Test func ranksThatOutnumberTheCoresAreNotCalledScaling() throws {
        var machine = Synthetic()
        machine.cores = 1
        let experiment = try #require(machine.experiment(ranks: [2]))
        #expect(experiment.verdict.hasPrefix("Cores: 2 ranks that share one machine, 1 core"), "\(experiment.verdict)")
    }

    @Test func oneRankExchangesNothing() throws {
        let experiment = try #require(Synthetic().experiment(ranks: [1]))
        #expect(experiment.verdict == "Compute: one rank was measured, which exchanges nothing.")
    }
}
