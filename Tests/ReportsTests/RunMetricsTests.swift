import DTrainCore
import Foundation
import Testing

@testable import Reports

/// What is read of metrics files, and what of hostile ones.
@Suite struct RunMetricsTests {
    private let scratch: Scratch

    init() throws { scratch = try Scratch() }

    private func read(_ text: String) throws -> RunMetrics {
        try RunMetrics(path: scratch.write(text, to: "run.jsonl"))
    }

    @Test func allSeriesAreRead() throws {
        let metrics = try read(Scratch.metrics(profile: true))
        #expect(metrics.remark == nil)
        #expect(metrics.steps == 20 && metrics.epochs == 4)
        #expect(metrics.loss.points.map(\.x) == (1...20).map(Double.init))
        #expect(abs((metrics.loss.last ?? 0) - 2) < 1e-9)
        #expect(metrics.learningRate.points.map(\.y) == [Double](repeating: 0.001, count: 20))
        #expect(metrics.gradientNorm.last == 0.5)
        #expect(metrics.speed.last == 3200 && metrics.meanSpeed == 3200)
        #expect(metrics.epochLoss.points.map(\.y) == [3.5, 3, 2.5, 2])
        #expect(metrics.epochHeldOut.points.map(\.y) == [3.25, 3, 3.25, 3.5])
        #expect(metrics.heldOut.points.map(\.x) == [5, 10, 15, 20])
        #expect(metrics.best?.loss == 3 && metrics.best?.epoch == 2)
        #expect(metrics.stepSeconds == 40 && metrics.heldOutSeconds == 4 && metrics.tokens == 128_000)
        #expect(metrics.profiledSteps == 20)
        #expect(metrics.parts.seconds == [0, 10, 5, 20, 20, 0, 0, 5, 0])
    }

    /// One spelling for all keys may come; both are read.
    @Test func bothSpellingsOfAPartAreRead() throws {
        let line =
            #"{"step":1,"epoch":1,"loss":2,"seconds":1,"profile":{"weight_gradient":0.5,"new_part":[1,{"a":null}]}}"#
        #expect(try read(line).parts.seconds[4] == 0.5)
    }

    @Test func heldOutLossesInsideOfAnEpochCount() throws {
        let metrics = try read(
            """
            {"step":1,"epoch":1,"loss":2}
            {"step":1,"epoch":1,"validation_loss":1.5,"seconds":3}
            {"step":2,"epoch":1,"loss":2}
            {"epoch":1,"epoch_loss":2,"validation_loss":1.75,"validation_seconds":3}
            """)
        #expect(metrics.heldOut.points.map(\.y) == [1.5, 1.75])
        #expect(metrics.best?.loss == 1.5 && metrics.heldOutSeconds == 6)
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
    func badLinesAreLeftOutAndNamed(line: String) throws {
        let metrics = try read("{\"step\":1,\"epoch\":1,\"loss\":3}\n\(line)\n{\"step\":5,\"epoch\":1,\"loss\":2}\n")
        #expect(metrics.loss.points.map(\.y) == [3, 2], "\(line.prefix(80))")
        #expect(metrics.remark?.hasSuffix("run.jsonl': line 2 is not of metrics or out of order, and left out") == true)
    }

    @Test func manyBadLinesAreCounted() throws {
        let metrics = try read("x\n{\"step\":1,\"loss\":3}\ny\n{\"step\":2,\"loss\":3}\n\u{1B}[31m\n")
        #expect(metrics.steps == 2)
        #expect(metrics.remark?.contains("3 lines, the first is line 1, are not of metrics") == true)
    }

    /// As while a training writes.
    @Test func aLastLineInPartIsNoMistake() throws {
        let metrics = try read("{\"step\":1,\"loss\":3}\n{\"step\":2,\"lo")
        #expect(metrics.steps == 1 && metrics.remark == nil)
    }

    @Test(arguments: ["", "\n\n", "hello\nworld\n", "{\"loss\":1}\n", "\0\0\0", "{\"epoch\":1,\"validation_loss\":2}"])
    func aFileWithoutMetricsIsRefused(text: String) throws {
        let error = try #require(throws: DTrainError.self) { try read(text) }
        #expect(error.category == .badData && error.message.contains("holds no line of metrics"))
    }

    @Test func longTrainingsTakeNoMoreMemory() throws {
        let lines = (1...5000).map {
            "{\"step\":\($0),\"epoch\":1,\"loss\":\($0 % 2 == 0 ? 3 : 1),\"seconds\":1,\"tokens\":\($0)}"
        }
        let metrics = try read(lines.joined(separator: "\n"))
        #expect(metrics.steps == 5000 && metrics.loss.lastStep == 5000)
        #expect(metrics.loss.points.count <= Trace.mostPoints && metrics.loss.points.count > Trace.mostPoints / 2)
        // Pairs of 3 and 1.
        #expect(metrics.loss.points.allSatisfy { $0.y == 2 })
        #expect(metrics.tokens == 12_502_500)
    }

    @Test func mergedPointsAreWeightedMeans() {
        var trace = Trace()
        for step in 1...Trace.mostPoints { trace.add(Double(step), at: step, weight: step == 1 ? 3 : 1) }
        #expect(trace.valuesPerPoint == 1 && trace.points.count == Trace.mostPoints)
        trace.add(0, at: Trace.mostPoints + 1)
        #expect(trace.valuesPerPoint == 2 && trace.points.count == Trace.mostPoints / 2 + 1)
        #expect(trace.points[0].x == 2 && trace.points[0].y == 1.25)
        #expect(trace.points[1].y == 3.5)
        trace.add(4, at: Trace.mostPoints + 2)
        #expect(trace.last == 2 && trace.lastStep == Trace.mostPoints + 2)
    }
}
