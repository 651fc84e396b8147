@testable import DTrainCore
import Foundation
import Testing

@testable import DTrainDistributed

/// The notice of a resume about the checkpoint's arithmetic.
@Suite struct ArithmeticResumeTests {
    private let bench: TrainingBench

    init() throws { bench = try TrainingBench() }

    private func train(to step: Int, _ start: TrainingOptions.Start) throws -> [TrainingEvent] {
        var options = bench.options
        (options.start, options[.maxSteps], options[.metrics]) = (start, step, nil)
        nonisolated(unsafe) var events: [TrainingEvent] = []
        let plan = try TrainingPlan.make(options, communicator: SoloCommunicator(), defaultThreads: 1) {
            events.append($0)
        }
        try TrainingRun(plan) { events.append($0) }.run()
        return events
    }

    /// The values of a file's tensors.
    private func tensors(_ step: Int) throws -> [[Float]] {
        let checkpoint = try Checkpoint(path: path(step))
        return try checkpoint.layout.tensors.map { try #require(try checkpoint[$0.name]) }
    }

    private func path(_ step: Int) -> String { "\(bench.folder)/checkpoints/ckpt_1_\(step).safetensors" }

    /// The results are the same in any case; only the notices differ.
    @Test(arguments: [nil, "fp32", "fp32 without fma", "fp64 of a later version"])
    func aChangedArithmeticIsReportedOnce(before: String?) throws {
        let now = try Arithmetic.best(for: .fp32).rawValue
        _ = try train(to: 5, .fresh)
        let expected = try tensors(5)
        try FileManager.default.removeItem(atPath: "\(bench.folder)/checkpoints")
        _ = try train(to: 3, .fresh)
        #expect(try Checkpoint(path: path(3)).metadata.arithmetic == now)
        try bench.rewrite(path(3)) { $0.arithmetic = before }

        let events = try train(to: 5, .resume)
        #expect(try tensors(5) == expected)
        #expect(try Checkpoint(path: path(5)).metadata.arithmetic == now)
        let notices = events.compactMap { if case .notice(let text) = $0 { text } else { nil } }
        let warnings = events.compactMap { if case .warning(let text) = $0 { text } else { nil } }
        #expect(notices.contains { $0.contains("from an earlier dtrain") } == (before == nil), "\(notices)")
        let names = ["'\(before ?? "")'", "'\(now)'"]
        #expect(
            warnings.count { text in names.allSatisfy(text.contains) } == (before ?? now == now ? 0 : 1), "\(warnings)")
        // One notice is always about the resume itself.
        #expect(notices.count == (before == nil ? 2 : 1), "\(notices)")
    }

    @Test func startingFromWeightsReportsNoChangedArithmetic() throws {
        let path = "\(bench.folder)/checkpoints/ckpt_1_1.safetensors"
        _ = try train(to: 1, .fresh)
        try bench.rewrite(path) { $0.arithmetic = "bf16 rounded" }
        try FileManager.default.moveItem(atPath: path, toPath: "\(bench.folder)/weights.safetensors")
        let events = try train(to: 1, .weights("\(bench.folder)/weights.safetensors"))
        for case .warning(let text) in events { Issue.record("\(text)") }
    }
}
