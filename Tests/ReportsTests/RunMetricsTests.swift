import DTrainCore
import DistributedTesting
import Foundation
import Testing

@testable import Reports

/// Reading of metrics files, including hostile ones.
@Suite struct RunMetricsTests {
    private let scratch: ScratchFolder

    init() throws { scratch = try ScratchFolder() }

    private func read(_ text: String) throws -> RunMetrics {
        try RunMetrics(path: scratch.write(text, to: "run.jsonl"))
    }

    @Test func allSeriesAreRead() throws {
        let metrics = try read(SampleRun.metrics(profile: true))
        #expect(metrics.remark == nil)
        #expect(metrics.steps == 20 && metrics.epochs == 4)
        #expect(metrics.loss.points.map(\.x) == (1...20).map(Double.init))
        #expect(abs((metrics.loss.lastValue ?? 0) - 2) < 1e-9)
        #expect(metrics.learningRate.points.map(\.y) == [Double](repeating: 0.001, count: 20))
        #expect(metrics.gradientNorm.lastValue == 0.5)
        #expect(metrics.speed.lastValue == 3200 && metrics.meanSpeed == 3200)
        #expect(metrics.epochLoss.points.map(\.y) == [3.5, 3, 2.5, 2])
        #expect(metrics.epochHeldOut.points.map(\.y) == [3.25, 3, 3.25, 3.5])
        #expect(metrics.heldOut.points.map(\.x) == [5, 10, 15, 20])
        #expect(metrics.best == HeldOutLoss(loss: 3, epoch: 2, step: 10, endsEpoch: true))
        #expect(metrics.latest == HeldOutLoss(loss: 3.5, epoch: 4, step: 20, endsEpoch: true))
        #expect(metrics.stepSeconds == 40 && metrics.heldOutSeconds == 4 && metrics.tokens == 128_000)
        #expect(metrics.profiledSteps == 20)
        #expect(metrics.parts.seconds == [0, 10, 5, 20, 20, 0, 0, 5, 0])
    }

    /// A newer dtrain may measure more parts.
    @Test func unknownPartsAreSkipped() throws {
        let line =
            #"{"step":1,"epoch":1,"loss":2,"seconds":1,"profile":{"weight_gradient":0.5,"new_part":[1,{"a":null}]}}"#
        #expect(try read(line).parts.seconds[4] == 0.5)
    }

    @Test func heldOutLossesWithinAnEpochAreRead() throws {
        let metrics = try read(
            """
            {"step":1,"epoch":1,"loss":2}
            {"step":1,"epoch":1,"validation_loss":1.5,"seconds":3}
            {"step":2,"epoch":1,"loss":2}
            {"epoch":1,"epoch_loss":2,"validation_loss":1.75,"validation_seconds":3}
            """)
        #expect(metrics.heldOut.points.map(\.y) == [1.5, 1.75])
        #expect(metrics.best == HeldOutLoss(loss: 1.5, epoch: 1, step: 1, endsEpoch: false))
        #expect(metrics.latest == HeldOutLoss(loss: 1.75, epoch: 1, step: 2, endsEpoch: true))
        #expect(metrics.heldOutSeconds == 6)
    }

    /// Speeds are quotients, which would be infinite for such seconds.
    @Test func impossiblyShortStepsHaveNoSpeed() throws {
        let metrics = try read(
            """
            {"step":1,"loss":1,"seconds":5.6e-294,"tokens":1e15}
            {"step":2,"loss":1,"seconds":1e15,"tokens":0}
            {"step":3,"loss":1,"seconds":1e-9,"tokens":1e15}
            """)
        #expect(metrics.speed.points.map(\.x) == [2, 3] && metrics.loss.valueCount == 3)
        #expect(metrics.tokens == 1e15 && metrics.stepSeconds == 1e15)
        let page = RunReport.html([try Run(scratch.file("run.jsonl"))], samples: [[]])
        #expect(page.contains("<h3>Speed") && !page.contains("inf,") && !page.contains("nan"))
    }

    @Test(arguments: [
        "not metrics", "[]", "{}", "{\"step\":2}", "{\"step\":2,\"loss\":}", "{\"step\":1.5,\"loss\":1}",
        "{\"step\":-1,\"loss\":1}",
        "{\"step\":2,\"loss\":1e999}", "{\"step\":2,\"loss\":1e300}", "{\"step\":2,\"loss\":\"1\"}",
        "{\"step\":2,\"loss\":1} x",
        "{\"step\":1,\"loss\":1}", "{\"epoch\":1,\"epoch_loss\":null}", "",
        "{\"step\":2,\"loss\":1,\"a\":\(String(repeating: "[", count: 100_000))",
        "{\"step\":2,\"loss\":1,\"a\":[[[[[[1]]]]]]}",
        "{\"step\":2,\"loss\":1,\"a\":\"\(String(repeating: "x", count: 70_000))\"}",
    ])
    func invalidLinesAreSkippedAndNamed(line: String) throws {
        let metrics = try read("{\"step\":1,\"epoch\":1,\"loss\":3}\n\(line)\n{\"step\":5,\"epoch\":1,\"loss\":2}\n")
        #expect(metrics.loss.points.map(\.y) == [3, 2], "\(line.prefix(80))")
        #expect(metrics.remark?.hasSuffix("run.jsonl': line 2 is left out: no metrics, or out of order") == true)
    }

    @Test func manyInvalidLinesAreCounted() throws {
        let metrics = try read("x\n{\"step\":1,\"loss\":3}\ny\n{\"step\":2,\"loss\":3}\n\u{1B}[31m\n")
        #expect(metrics.steps == 2)
        #expect(metrics.remark?.contains("3 lines, the first is line 1, are left out") == true)
        let many = (1...1200).map { "{\"step\":\($0),\"loss\":3}" } + [String](repeating: "x", count: 1001) + [""]
        #expect(
            try read(many.joined(separator: "\n")).remark?
                .contains("1,001 lines, the first is line 1,201, are left out") == true)
    }

    /// The last line may be incomplete while a training writes.
    @Test func anIncompleteLastLineIsIgnored() throws {
        let metrics = try read("{\"step\":1,\"loss\":3}\n{\"step\":2,\"lo")
        #expect(metrics.steps == 1 && metrics.remark == nil)
    }

    @Test(arguments: ["", "\n\n", "hello\nworld\n", "{\"loss\":1}\n", "\0\0\0", "{\"epoch\":1,\"validation_loss\":2}"])
    func aFileWithoutMetricsIsRejected(text: String) throws {
        let error = try #require(throws: DTrainError.self) { try read(text) }
        #expect(error.category == .badData && error.message.contains("holds no metrics"))
    }

    @Test func longTrainingsHaveALimitedNumberOfPoints() throws {
        let lines = (1...5000).map {
            "{\"step\":\($0),\"epoch\":1,\"loss\":\($0 % 2 == 0 ? 3 : 1),\"seconds\":1,\"tokens\":\($0)}"
        }
        let metrics = try read(lines.joined(separator: "\n"))
        #expect(metrics.steps == 5000 && metrics.loss.points.last?.x == 5000)
        #expect(metrics.loss.points.count <= Trace.maximumPoints && metrics.loss.points.count > Trace.maximumPoints / 2)
        // The mean of each pair of 3 and 1.
        #expect(metrics.loss.points.allSatisfy { $0.y == 2 })
        #expect(metrics.tokens == 12_502_500)
    }

    @Test func mergedPointsAreWeightedMeans() {
        var trace = Trace()
        for step in 1...Trace.maximumPoints { trace.add(Double(step), at: step, weight: step == 1 ? 3 : 1) }
        #expect(trace.valuesPerPoint == 1 && trace.points.count == Trace.maximumPoints)
        trace.add(0, at: Trace.maximumPoints + 1)
        #expect(trace.valuesPerPoint == 2 && trace.points.count == Trace.maximumPoints / 2 + 1)
        #expect(trace.points[0].x == 2 && trace.points[0].y == 1.25)
        #expect(trace.points[1].y == 3.5)
        trace.add(4, at: Trace.maximumPoints + 2)
        #expect(trace.points.last?.y == 2 && trace.points.last?.x == Double(Trace.maximumPoints + 2))
        #expect(trace.firstValue == 1 && trace.lastValue == 4 && trace.valueCount == Trace.maximumPoints + 2)
    }
}
