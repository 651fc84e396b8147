import Pages
import Testing

@testable import Scaling

/// The recommended ranks × threads, and their sentence.
@Suite struct RecommendationTests {
    /// A measured layout of three runs, from the median and the ends of its interval.
    private func measured(
        _ ranks: Int, _ threads: Int, _ low: Double, _ median: Double, _ high: Double, hosts: Int = 1
    ) throws -> LayoutOption {
        try measured(ranks, threads, runs: [[low], [median], [high]], hosts: hosts)
    }

    private func measured(_ ranks: Int, _ threads: Int, runs: [[Double]], hosts: Int = 1) throws -> LayoutOption {
        let records = runs.enumerated().map { index, steps in
            RunRecord(
                repetition: index + 1, command: "",
                steps: steps.map { seconds in
                    var parts = StepParts()
                    parts.forward = seconds
                    return StepSample(step: 1, seconds: seconds, parts: parts)
                }, peakMemory: 0)
        }
        let plan = RunPlan(series: [.strong], ranks: ranks, isLaunched: ranks > 1, threads: threads, batchSize: 64)
        let workload = Workload(batchSize: 64, microBatchSize: 8, sequenceLength: 1, gradientBytes: 1)
        let layout = Layout(ranks: ranks, threads: threads, hosts: hosts, machines: hosts, coresPerMachine: 4)
        return LayoutOption(
            try #require(Measurement(plan: plan, layout: layout, workload: workload, runs: records)))
    }

    private func predicted(
        _ ranks: Int, _ threads: Int, _ seconds: Double, error: Double? = 0.05, hosts: Int = 1
    ) -> LayoutOption {
        LayoutOption(
            Layout(ranks: ranks, threads: threads, hosts: hosts, machines: hosts, coresPerMachine: 4), seconds: seconds,
            error: error)
    }

    private func sentence(_ options: [LayoutOption]) -> String {
        Recommendation(among: options, batchSize: 64).sentence
    }

    @Test func theFastestLayoutIsRecommendedIfNoIntervalOverlaps() throws {
        let text = sentence([try measured(1, 4, 0.99, 1, 1.01), try measured(2, 2, 0.79, 0.8, 0.81)])
        #expect(text == "2 ranks × 2 threads is fastest here: 0.800 s per step of 64 sequences.")
    }

    @Test func theSimplestOfEqualLayoutsIsRecommended() throws {
        let options = [
            try measured(2, 2, 0.95, 0.97, 1), try measured(1, 4, 0.99, 1, 1.01), try measured(1, 1, 3, 3, 3),
        ]
        #expect(
            sentence(options)
                == "1 process × 4 threads is the simplest of the fastest here: 1.00 s per step of 64 sequences, equal within the "
                + "noise to 2 ranks × 2 threads (0.970 s).")
    }

    /// A prediction replaces a measured layout only if it is faster by more than its error.
    ///
    /// 0.96 s ± 5 % reaches 1.008 s, whether or not the predicted layout is simpler.
    /// 0.9 s ± 5 % doesn't reach 0.99 s.
    @Test func aPredictionWinsOnlyBeyondItsError() throws {
        let one = try measured(1, 4, 0.99, 1, 1.01)
        #expect(Recommendation(among: [one, predicted(4, 1, 0.96)], batchSize: 64).machine == one)
        #expect(Recommendation(among: [one, predicted(1, 3, 0.96)], batchSize: 64).machine == one)
        let faster = predicted(4, 1, 0.9)
        #expect(Recommendation(among: [one, faster], batchSize: 64).machine == faster)
        #expect(
            sentence([one, faster]).contains(
                "4 ranks × 1 thread should be fastest here: 0.900 s per step of 64 sequences (predicted ± 5.0 %)."))
    }

    /// Without any check, a prediction's error is assumed to be 10 %.
    @Test func uncheckedPredictionsAreMarked() throws {
        let one = try measured(1, 4, 0.99, 1, 1.01)
        #expect(Recommendation(among: [one, predicted(4, 1, 0.91, error: nil)], batchSize: 64).machine == one)
        #expect(
            sentence([one, predicted(4, 1, 0.8, error: nil)]).contains(
                "0.800 s per step of 64 sequences (predicted, unchecked)."))
    }

    /// The interval comes from the run's four steps, with a coverage of 87.5 %.
    @Test func singleRunsAreComparedByTheirStepsWithANotice() throws {
        let one = try measured(1, 4, runs: [[0.9, 1, 1, 1.2]])
        #expect((one.low, one.seconds, one.high) == (0.9, 1, 1.2))
        let two = try measured(2, 2, runs: [[0.85, 0.85, 0.95, 0.95]])
        let recommendation = Recommendation(among: [one, two], batchSize: 64)
        #expect(recommendation.machine == one)
        #expect(recommendation.sentence.hasSuffix(" (from one run each: raise --repeats to measure the noise)."))
    }

    @Test func hostsHaveTheirOwnRecommendation() throws {
        let options = [
            try measured(1, 4, 0.99, 1, 1.01), try measured(2, 4, 0.59, 0.6, 0.61, hosts: 2),
            try measured(4, 4, 0.39, 0.4, 0.41, hosts: 4), predicted(16, 1, 0.3, hosts: 4),
        ]
        #expect(
            sentence(options)
                == "1 process × 4 threads is fastest here: 1,000 ms per step of 64 sequences; on the 4 hosts 16 ranks × 1 thread, "
                + "4 per host should be fastest: 300 ms (predicted ± 5.0 %).")
        let half = [options[0], options[1], try measured(4, 4, 0.6, 0.62, 0.64, hosts: 4)]
        #expect(
            sentence(half).hasSuffix(
                "; on 2 of the 4 hosts 2 ranks × 4 threads is the simplest of the fastest: 600 ms, equal within the noise to "
                    + "4 ranks × 4 threads (620 ms)."))
    }

    @Test func hostsThatAreNotFasterAreReported() throws {
        let options = [try measured(1, 4, 0.99, 1, 1.01), try measured(2, 4, 1.9, 2, 2.1, hosts: 2)]
        let recommendation = Recommendation(among: options, batchSize: 64)
        #expect(recommendation.hosts == options[0])
        #expect(
            recommendation.sentence.hasSuffix(
                "; the 2 hosts are not faster, at best 2 ranks × 4 threads (2.00 s)."))
    }

    @Test func nothingIsRecommendedWithoutLayouts() {
        #expect(sentence([]) == "Nothing could be compared on this machine.")
    }

    @Test(arguments: [
        (1, [1], [1]), (2, [1, 2], [2, 1]), (6, [1, 2, 4, 6], [6, 3, 1, 1]), (8, [1, 2, 4, 8], [8, 4, 2, 1]),
    ])
    func coresAreDividedAmongRanks(cores: Int, ranks: [Int], threads: [Int]) {
        let found = LayoutOption.divided(cores)
        #expect(found.map(\.ranks) == ranks && found.map(\.threads) == threads)
    }

    /// One process with 1, 2 and 4 threads and one rank per core are measured; 2 × 2 is predicted.
    @Test func allLayoutsOfAMachineAreMeasuredOrPredicted() throws {
        let machine = Synthetic()
        let experiment = try #require(machine.experiment())
        let options = experiment.recommendation.options
        #expect(options.map(\.ranks) == [1, 1, 1, 2, 2, 4] && options.map(\.threads) == [1, 2, 4, 1, 2, 1])
        #expect(options.filter { $0.origin == .predicted }.map(\.name) == ["2 ranks × 2 threads"])
        let truth = machine.parts(Layout(ranks: 2, threads: 2, coresPerMachine: 4), experiment.base.workload).total
        #expect(abs(try #require(options.first { $0.origin == .predicted }).seconds / truth - 1) < 1e-6)
        // All four compute equally long. Only ranks exchange and repeat the optimizer, so one
        // process is the fastest.
        #expect(experiment.recommendation.machine == options[2])
        #expect(experiment.recommendation.hosts == nil)
        #expect(Report.html(experiment).contains(Markup(text: experiment.recommendation.sentence).source))
    }

    /// The layouts have one to four ranks on each host of four cores.
    ///
    /// Those with one thread per host were measured.
    @Test func predictedLayoutsOfHostsUseAllTheirCores() throws {
        var machine = Synthetic()
        machine.isNetwork = true
        let options = try #require(machine.experiment(ranks: [1, 2])).recommendation.options.filter { $0.hosts == 2 }
        #expect(
            options.map(\.name) == [
                "2 ranks × 1 thread", "2 ranks × 4 threads", "4 ranks × 2 threads, 2 per host",
                "8 ranks × 1 thread, 4 per host",
            ])
        #expect(options.map(\.origin) == [.measured, .predicted, .predicted, .predicted])
        let truth = machine.parts(
            Layout(ranks: 2, threads: 4, hosts: 2, machines: 2, coresPerMachine: 4),
            Workload(batchSize: 64, microBatchSize: 8, sequenceLength: 100, gradientBytes: 16_000_000)
        ).total
        #expect(abs(options[1].seconds / truth - 1) < 1e-6)
    }

    /// Four ranks of 100 MB with 16 sequences of 1 MB each take 464 MB, more than 90 % of 500 MB.
    @Test func layoutsThatExceedTheMemoryAreExcluded() throws {
        let machine = Synthetic()
        let measurements = machine.measurements(ranks: [1, 2])
        let base = try #require(measurements.first { $0.layout.threads == 4 })
        let model = try #require(CostModel(fittedTo: measurements))
        func ranks(_ memory: Int) -> [Int] {
            LayoutOption.all(measurements, base: base, model: model, cores: 4, machineMemory: memory, error: 0)
                .filter { $0.origin == .predicted }.map(\.ranks)
        }
        #expect(ranks(500_000_000) == [2])
        #expect(ranks(600_000_000) == [2, 4])
        #expect(ranks(0) == [2, 4])
    }
}
