import Pages
import Testing

@testable import Scaling

/// The sentences at the top of the report.
@Suite struct VerdictTests {
    /// The page starts with the recommended layout, its limit, and the limit on more hosts.
    @Test func thePageStartsWithThreeSentences() throws {
        let experiment = try #require(Synthetic().experiment())
        let verdict = experiment.verdict
        #expect(verdict.count == 3 && verdict[0] == experiment.recommendation.sentence)
        #expect(verdict[0].hasPrefix("1 process × 4 threads is fastest here: "), "\(verdict)")
        let html = Report.html(experiment)
        let place = try #require(html.firstRange(of: "<div class=\"verdict\">")).lowerBound
        let next = try #require(html.firstRange(of: "class=\"tiles\"")).lowerBound
        #expect(place < next)
        for sentence in verdict { #expect(html.contains("<p>\(Markup(text: sentence).source)</p>"), "\(sentence)") }
    }

    /// The network takes 136 of 316 ms.
    ///
    /// With 32 sequences per rank: 170 ms of compute, 1 % of it times 1/√π of waiting, 9.1 ms per
    /// rank, and 16 MB at 8.5 ns per byte with two messages of 20 µs.
    @Test func theNetworkIsNamedWithItsSeconds() throws {
        var machine = Synthetic()
        machine.isNetwork = true
        machine.secondsPerByte = 8.5e-9
        let experiment = try #require(machine.experiment(ranks: [1, 2]))
        #expect(
            experiment.verdict[1] == "On 2 ranks, the largest loss is the network: 136 of the 316 ms of a step.",
            "\(experiment.verdict)")
    }

    @Test func bindingTakesPrecedenceOverOtherLimits() throws {
        let measurements = Synthetic().measurements().map { measurement -> Measurement in
            guard measurement.plan.isLaunched, measurement.layout.ranks == 1 else { return measurement }
            let layout = Layout(ranks: 1, threads: 2, coresPerMachine: 1)
            return Measurement(
                plan: measurement.plan, layout: layout, workload: measurement.workload, runs: measurement.runs)
                ?? measurement
        }
        let base = try #require(measurements.first)
        let sentence = Verdict.limit(measurements, base: base)
        #expect(
            sentence
                == "The launcher binds each rank of 2 threads to 1 core: add --mpirun-args '--bind-to none', or --threads 1."
        )
    }

    /// Two workers on the two hardware threads of a core are dtrain's default there.
    @Test func workersOnHardwareThreadsAreNotReportedAsBound() throws {
        let measurements = Synthetic().measurements(ranks: [1]).map { measurement -> Measurement in
            guard measurement.plan.isLaunched else { return measurement }
            let layout = Layout(ranks: 1, threads: 2, coresPerMachine: 1, processorsPerMachine: 2, processorsPerRank: 2)
            return Measurement(
                plan: measurement.plan, layout: layout, workload: measurement.workload, runs: measurement.runs)
                ?? measurement
        }
        let base = try #require(measurements.first)
        #expect(!Verdict.limit(measurements, base: base).contains("binds"))
    }

    @Test func moreRanksThanCoresAreReported() throws {
        var machine = Synthetic()
        machine.cores = 1
        let experiment = try #require(machine.experiment(ranks: [2]))
        #expect(
            experiment.verdict[1]
                == "2 ranks that share one machine, 1 core, where 2 workers take turns on each core, so more ranks can't be faster."
        )
    }

    @Test func aSingleRankIsLimitedByCompute() throws {
        let experiment = try #require(Synthetic().experiment(ranks: [1]))
        #expect(
            experiment.verdict[1]
                == "Only one rank was measured; it exchanges nothing, so compute is its only limit.")
    }

    private func projection(_ limits: [Limit], _ series: Series = .strong, link: Link, name: String) -> Projection {
        let step = StepPrediction(
            fixedCompute: 0, sequenceCompute: 1, replicated: 0, skew: 0, exchange: 0, hiddenExchange: 0,
            memoryPerRank: 1)
        let points = limits.enumerated().map { index, limit in
            ProjectedPoint(
                ranks: 1 << index, cores: 1, batchSize: series == .strong ? 64 : 64 << index, step: step, seconds: 1,
                tokensPerSecond: 1, efficiency: 1, limit: limit, extrapolates: [])
        }
        return Projection(series: series, link: link, linkName: name, points: points)
    }

    @Test(
        arguments: [
            (
                [Limit.compute, .compute, .compute, .network],
                "Beyond 4 hosts, the network is the limit: predicted for batches of 64."
            ),
            (
                [.smallBatch, .network, .network],
                "Already on 2 hosts, the network is the limit: predicted for batches of 64."
            ),
            (
                [.compute, .compute, .microBatches],
                "Beyond 2 hosts, the batch has too few micro-batches for all hosts: predicted for batches of 64."
            ),
            ([.compute, .compute], "Up to 2 hosts, compute is the only limit: predicted for batches of 64."),
        ] as [([Limit], String)])
    func theOutlookNamesTheFirstLimit(limits: [Limit], sentence: String) {
        let link = Link(kind: .network, origin: .measured, secondsPerMessage: 0, secondsPerByte: 0)
        #expect(Outlook.sentence([projection(limits, link: link, name: "the measured network")]) == sentence)
    }

    /// The sentence uses the middle one of three assumed networks.
    ///
    /// It uses weak scaling if nothing else was measured.
    @Test func theOutlookNamesAnAssumedNetwork() {
        let links = [1.0, 10, 100].map { Link.assumedNetwork(gigabits: $0) }
        let limits: [[Limit]] = [[.compute, .network], [.compute, .compute, .network], [.compute]]
        let curves = zip(links, limits).map { projection($1, .weak, link: $0, name: "\($1.count) Gbit/s (assumed)") }
        #expect(
            Outlook.sentence(curves)
                == "Beyond 2 hosts, the network is the limit: predicted for batches of 64 per host over 3 Gbit/s (assumed)."
        )
        #expect(Outlook.sentence([]) == nil)
    }
}
