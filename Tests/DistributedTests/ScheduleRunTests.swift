import DTrainCore
import Foundation
import Testing

@testable import DTrainDistributed

/// Learning rates over the steps of a training, and the end of the decay after a resume.
@Suite struct ScheduleRunTests {
    private let bench: TrainingBench
    /// Steps per epoch of the bench's text.
    private let stepsPerEpoch = 26

    init() throws { bench = try TrainingBench() }

    /// Trains to a step; returns the reported steps and notices.
    private func train(
        to step: Int?, _ start: TrainingOptions.Start = .fresh, _ change: (inout TrainingOptions) -> Void = { _ in }
    ) throws -> (steps: [StepReport], notices: [String]) {
        // A resume takes missing settings from the checkpoint.
        var options = start == .resume ? TrainingOptions(data: "\(bench.folder)/text.txt") : bench.options
        (options.start, options[.maxSteps], options[.metrics]) = (start, step, nil)
        options[.checkpointDirectory] = "\(bench.folder)/checkpoints"
        change(&options)
        nonisolated(unsafe) var events: [TrainingEvent] = []
        let plan = try TrainingPlan.make(options, communicator: SoloCommunicator(), defaultThreads: 1) {
            events.append($0)
        }
        try TrainingRun(plan) { events.append($0) }.run()
        return (
            events.compactMap { if case .step(let report) = $0 { report } else { nil } },
            events.compactMap { if case .notice(let text) = $0 { text } else { nil } }
        )
    }

    private func horizon(_ name: String) throws -> Int? {
        try Checkpoint(path: "\(bench.folder)/checkpoints/\(name).safetensors").metadata.horizon
    }

    /// Half a cosine wave over two epochs of 26 steps.
    private func cosine(_ step: Int) -> Double { 0.5e-3 * (1 + cos(Double.pi * Double(min(step, 52)) / 52)) }

    private func expectCosine(_ steps: [StepReport]) {
        #expect(!steps.isEmpty)
        for report in steps { #expect(abs(report.learningRate - cosine(report.step - 1)) < 1e-15, "\(report.step)") }
    }

    @Test func maxStepsDoesNotChangeTheSchedule() throws {
        let (steps, _) = try train(to: 30) { $0[.schedule] = .cosine }
        #expect(steps.count == 30)
        expectCosine(steps)
        #expect(try horizon("ckpt_2_4") == 52)
    }

    @Test func aDecayThatNeverStartsCausesANotice() throws {
        let (steps, notices) = try train(to: 3) { ($0[.schedule], $0[.decayStart]) = (.cosine, .epochs(2)) }
        #expect(steps.map(\.learningRate) == [1e-3, 1e-3, 1e-3])
        #expect(
            notices.contains {
                $0.contains("has no effect: its decay would start at step 52, and the training ends at step 52")
            }, "\(notices)")
        // More epochs don't move the end.
        let more = try train(to: 54, .resume) { $0[.epochs] = 3 }
        #expect(more.steps.suffix(3).map(\.learningRate) == [1e-3, 0, 0])
        #expect(more.notices.contains { $0.contains("the rate drops to 0.0 at step 52") }, "\(more.notices)")
        let given = try train(to: 55, .resume) { $0[.decaySteps] = .steps(100) }
        #expect(given.steps.allSatisfy { $0.learningRate > 0.9e-3 })
    }

    @Test func aConstantRateHasNoHorizon() throws {
        let (steps, _) = try train(to: 3)
        #expect(steps.map(\.learningRate) == [1e-3, 1e-3, 1e-3])
        #expect(try horizon("ckpt_1_3") == nil)
    }

    @Test func moreEpochsKeepTheScheduleWithANotice() throws {
        _ = try train(to: 3) { $0[.schedule] = .cosine }
        let (steps, notices) = try train(to: 60, .resume) { $0[.epochs] = 3 }
        #expect(steps.last?.step == 60)
        expectCosine(steps)
        #expect(try horizon("ckpt_3_8") == 52)
        #expect(
            notices.count { $0.hasPrefix("`schedule` cosine keeps its planned end at step 52 ") } == 1, "\(notices)")
        // An explicit decay length isn't changed.
        let given = try train(to: 61, .resume) { $0[.decaySteps] = .steps(100) }
        #expect(!given.notices.contains { $0.contains("keeps its planned end") })
        #expect(abs((given.steps.first?.learningRate ?? 0) - 0.5e-3 * (1 + cos(0.6 * Double.pi))) < 1e-15)
    }

    @Test func aScheduleSetOnAResumeEndsWithTheCheckpointsEpochs() throws {
        _ = try train(to: 3)
        let (steps, notices) = try train(to: 5, .resume) { ($0[.schedule], $0[.epochs]) = (.cosine, 3) }
        #expect(steps.map(\.step) == [4, 5])
        expectCosine(steps)
        #expect(notices.contains("`schedule` changes from constant to cosine"))
        #expect(notices.contains { $0.contains("keeps its planned end at step 52") })
        // A later resume keeps that end.
        expectCosine(try train(to: 6, .resume).steps)
        #expect(try horizon("ckpt_1_6") == 52)
    }

    @Test func reportsHaveTheGradientNormBeforeClipping() throws {
        let free = try train(to: 1).steps[0].gradientNorm
        for clip: (inout TrainingOptions) -> Void in [{ $0[.clipNorm] = 1e-3 }, { $0[.clipValue] = 1e-6 }] {
            let (steps, _) = try train(to: 2) { options in
                options[.overwrite] = true
                clip(&options)
            }
            #expect(steps[0].gradientNorm == free && free > 1e-2)
        }
    }
}
