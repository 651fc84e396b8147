import DTrainCore
import Testing

@testable import Scaling

/// The path from metrics to summaries.
@Suite struct MeasurementTests {
    /// A line in the format of `dtrain train --profile --metrics`; ScaleTests covers the real file.
    private func line(step: Int, seconds: Double, exchange: Double) -> String {
        """
        {"epoch":1,"gradient_bytes":1000,"gradient_norm":0.5,"hidden_exchange":0.125,"loss":1,"profile":{"adam":0,\
        "backward":0,"exchange":\(exchange),"forward":0.25,"head":0,"other":0,"pack":0,"wait":0,"weight_gradient":0},\
        "seconds":\(seconds),"step":\(step),"tokens":10}

        """
    }

    @Test func stepsAreReadWithTheirParts() throws {
        let text = line(step: 1, seconds: 0.5, exchange: 0.25) + "{\"epoch\":1,\"epoch_loss\":1,\"seconds\":2}\n"
        let metrics = try MetricsReader(text, path: "m")
        #expect(metrics.gradientBytes == 1000)
        let step = try #require(metrics.steps.first)
        #expect(metrics.steps.count == 1 && step.step == 1 && step.seconds == 0.5)
        #expect((step.parts.compute, step.parts.exchange, step.parts.hiddenExchange) == (0.25, 0.25, 0.125))
        #expect(step.parts.total == 0.5)
    }

    @Test(arguments: ["", "{}\n", "{\"step\":1,\"epoch\":1,\"loss\":1,\"seconds\":1,\"tokens\":1}\n"])
    func metricsWithoutAProfileAreRejected(text: String) {
        #expect(throws: DTrainError.self) { try MetricsReader(text, path: "m") }
    }

    /// A profile without the hidden part isn't read as zero.
    @Test func aProfileWithoutTheHiddenPartIsRejected() {
        let text = line(step: 1, seconds: 0.5, exchange: 0.25).replacing("\"hidden_exchange\":0.125,", with: "")
        #expect(!text.contains("hidden"))
        #expect(throws: DTrainError.self) { try MetricsReader(text, path: "m") }
    }

    private func measurement(
        _ seconds: [[Double]], ranks: Int, exchange: Double = 0.5, hosts: Int = 1
    ) throws -> Measurement {
        var parts = StepParts()
        (parts.exchange, parts.hiddenExchange) = (exchange, exchange * 3)
        parts.forward = (MedianInterval.median(of: seconds.flatMap(\.self)) ?? 0) - exchange
        let runs = seconds.enumerated().map { index, steps in
            RunRecord(
                repetition: index + 1, command: "",
                steps: steps.map { StepSample(step: 1, seconds: $0, parts: parts) }, peakMemory: index)
        }
        let plan = RunPlan(series: [.strong], ranks: ranks, isLaunched: true, threads: nil, batchSize: 64)
        return try #require(
            Measurement(
                plan: plan, layout: Layout(ranks: ranks, threads: 1, hosts: hosts, coresPerMachine: 8),
                workload: Workload(batchSize: 64, microBatchSize: 8, sequenceLength: 100, gradientBytes: 1000),
                runs: runs))
    }

    @Test func theMedianIsTakenOverTheRunsMedians() throws {
        let result = try measurement([[1, 2, 9], [4, 4, 4], [8, 3, 3]], ranks: 1)
        #expect((result.seconds.low, result.seconds.median, result.seconds.high) == (2, 3, 4))
        #expect(result.tokensPerSecond == 6400.0 / 3)
        #expect(result.peakMemory == 2)
    }

    /// By nccl-tests, algbw = bytes / seconds and busbw = algbw · 2(n − 1)/n.
    @Test func bandwidthsFollowNCCLTests() throws {
        let four = try measurement([[1]], ranks: 4, exchange: 0.5)
        #expect(four.algorithmBandwidth == 2000)
        #expect(four.busBandwidth == 3000)
        // A network also moves blocks while the cores compute.
        #expect(try measurement([[1]], ranks: 4, exchange: 0.5, hosts: 4).algorithmBandwidth == 500)
        let one = try measurement([[1]], ranks: 1)
        #expect(one.algorithmBandwidth == nil && one.busBandwidth == nil)
    }

    @Test func partsAreThoseOfTheMiddleHalfOfTheSteps() throws {
        func sample(_ seconds: Double) -> StepSample {
            var parts = StepParts()
            parts.forward = seconds
            return StepSample(step: 1, seconds: seconds, parts: parts)
        }
        let run = RunRecord(repetition: 1, command: "", steps: [100, 2, 1, 4].map(sample), peakMemory: 0)
        let result = try #require(
            Measurement(
                plan: RunPlan(series: [.base], ranks: 1, isLaunched: false, threads: 1, batchSize: 1),
                layout: Layout(ranks: 1, threads: 1, coresPerMachine: 1),
                workload: Workload(batchSize: 1, microBatchSize: 1, sequenceLength: 1, gradientBytes: 1), runs: [run]))
        #expect(result.parts.forward == 3)
    }

    /// With two slow runs and three others, the middle half has steps of both.
    @Test func partsAddUpToTheMedian() throws {
        let result = try measurement([[1, 1], [1, 1], [1, 1], [2, 2], [2, 2]], ranks: 2)
        #expect(result.seconds.median == 1)
        #expect(abs(result.parts.total - 1) < 1e-12)
        let runs = result.runs.map { run in
            let steps = run.steps.map { step in
                StepSample(step: 1, seconds: step.seconds, parts: step.parts.scaled(by: step.seconds))
            }
            return RunRecord(repetition: run.repetition, command: "", steps: steps, peakMemory: 0)
        }
        let mixed = try #require(
            Measurement(plan: result.plan, layout: result.layout, workload: result.workload, runs: runs))
        #expect(abs(mixed.parts.total - 1) < 1e-12 && abs(mixed.parts.exchange - 0.5) < 1e-12)
    }
}
