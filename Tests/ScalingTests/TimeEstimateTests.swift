import Testing

@testable import Scaling

/// The estimate of an experiment's duration.
@Suite struct TimeEstimateTests {
    private let base = RunPlan(series: [.base], ranks: 1, isLaunched: false, threads: 1, batchSize: 64)
    private let strong = RunPlan(series: [.strong], ranks: 2, isLaunched: true, threads: 1, batchSize: 64)
    private let latency = RunPlan(series: [.latency], ranks: 2, isLaunched: true, threads: 1, batchSize: 16)
    private let trial = Trial(startSeconds: 0.5, launchSeconds: 2, secondsPerSequence: 0.01)

    private var estimate: TimeEstimate {
        TimeEstimate(
            [base, strong, latency].map {
                Progress.Place(plan: $0, layout: Layout(ranks: $0.ranks, threads: 1, coresPerMachine: 2))
            }, trial: trial, steps: 10)
    }

    /// Ten steps of 64 sequences at 10 ms take 6.4 s on one core and 3.2 s on two.
    ///
    /// The tiny model takes only its start-up.
    @Test func aTrialEstimatesEveryConfiguration() {
        #expect(abs(estimate.seconds(of: [base]) - 6.9) < 1e-9)
        #expect(abs(estimate.seconds(of: [strong]) - 5.7) < 1e-9)
        #expect(abs(estimate.seconds(of: [latency]) - 2.5) < 1e-9)
        #expect(abs(estimate.seconds(of: [base, base, latency]) - 16.3) < 1e-9)
        #expect(estimate.seconds(of: []) == 0)
    }

    /// The ratio of measured to estimated time corrects the other configurations.
    ///
    /// Two runs of a configuration give a mean.
    @Test func finishedRunsCorrectTheEstimate() {
        var estimate = estimate
        estimate.add(base, seconds: 13.8)
        #expect(abs(estimate.seconds(of: [base]) - 13.8) < 1e-9)
        #expect(abs(estimate.seconds(of: [strong]) - 11.4) < 1e-9)
        estimate.add(strong, seconds: 6)
        estimate.add(strong, seconds: 8)
        #expect(abs(estimate.seconds(of: [strong, strong]) - 14) < 1e-9)
        // The finished runs took 27.8 s instead of the estimated 18.3 s.
        #expect(abs(estimate.seconds(of: [latency]) - 2.5 * 27.8 / 18.3) < 1e-9)
    }

    @Test func theStartUpTimeOfATrialIsNeverNegative() {
        #expect(Trial(startSeconds: -0.1, launchSeconds: 0, secondsPerSequence: 0).startSeconds == 0)
    }

    @Test func theTrialHasOneThreadAndNoSeries() {
        let plan = RunPlan.trial(sequences: 8)
        #expect(plan.ranks == 1 && plan.threads == 1 && !plan.isLaunched && plan.batchSize == 8)
        #expect(Series.allCases.allSatisfy { !plan.isIn($0) })
    }
}
