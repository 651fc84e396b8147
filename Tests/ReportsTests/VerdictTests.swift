import DTrainCore
import DistributedTesting
import Foundation
import Testing

@testable import Reports

/// Verdicts on trainings stopped at any step, and on incomparable ones.
@Suite struct VerdictTests {
    private let scratch: ScratchFolder

    init() throws { scratch = try ScratchFolder() }

    /// A training known only by its metrics: steps, and held-out losses after some of them.
    private func measured(_ start: String = "", epoch: Int, _ heldOut: [(step: Int, loss: Double)]) throws -> Run {
        let lines = heldOut.map { step, loss in
            """
            {"step":\(step),"epoch":\(epoch),"loss":2}
            {"step":\(step),"epoch":\(epoch),"validation_loss":\(loss),"seconds":1}

            """
        }
        return try Run(scratch.write(start + lines.joined(), to: "run.jsonl"))
    }

    /// A signal in the third epoch of a training with `--validate-every-steps`.
    @Test func aRunStoppedMidEpochMayStillImprove() throws {
        let run = try measured(SampleRun.metrics(epochs: 2), epoch: 3, [(11, 2.75), (12, 2.5)])
        #expect(
            RunVerdict.text([run])
                == "The held-out loss is lowest at the end, 2.500 after 12 steps: longer training may lower it.")
        let rows = RunTables([run]).results.rows
        for row in [
            ["lowest held-out loss", "2.500"], ["epoch of lowest loss", "3"], ["last held-out loss", "2.500"],
        ] {
            #expect(rows.contains(row), "\(rows)")
        }
    }

    /// A training with `--validate-every-steps 50 --max-steps 200`.
    @Test func verdictsCountStepsWithoutAWholeEpoch() throws {
        let improving = try measured(epoch: 1, [(50, 3), (100, 2.5), (150, 2.25), (200, 2)])
        #expect(RunVerdict.text([improving]).contains("lowest at the end, 2.000 after 200 steps"))
        let overfit = try measured(epoch: 1, [(50, 3), (100, 2), (150, 2.25), (200, 2.5)])
        #expect(
            RunVerdict.text([overfit]).contains(
                "lowest after 100 steps, 2.000, and 2.500 at the end: the model overfits after that step."))
        let level = try measured(epoch: 1, [(50, 3), (100, 2), (150, 2.01)])
        #expect(RunVerdict.text([level]).contains("and 2.010 at the end: longer training is unlikely to lower it"))
    }

    /// Epochs of 100 steps, with held-out losses after each epoch and every `interval` steps.
    private func progress(steps: Int, every interval: Int? = nil, loss: (Int) -> Double) -> TrainingProgress {
        var progress = TrainingProgress(validation: ValidationProgress())
        for step in 1...steps {
            progress.add(loss: 2)
            let isEnd = progress.stepInEpoch == 100
            if isEnd { progress.endEpoch() }
            let isDue = interval.map { step.isMultiple(of: $0) } ?? false
            guard isEnd || isDue else { continue }
            progress.validation?.note(loss(step), step: step)
            if isEnd { progress.validation?.epochLosses.append(loss(step)) }
        }
        return progress
    }

    /// A training known only by a checkpoint.
    private func stored(
        _ progress: TrainingProgress, name: String = "run", _ change: (inout CheckpointMetadata) -> Void = { _ in }
    ) -> Run {
        var metadata = CheckpointMetadata(
            kind: .training, model: ModelConfiguration(vocabularySize: 2), settings: Settings(),
            vocabulary: ["[UNK]", "a"],
            corpusChecksum: "one", progress: progress)
        change(&metadata)
        return Run(
            name: name, metrics: nil, folder: name, checkpoints: [], metadata: metadata, parameterCount: nil,
            remarks: [])
    }

    /// A loss with its minimum after `step` steps.
    private func valley(_ step: Int) -> (Int) -> Double { { 2 + Double(abs($0 - step)) * 0.01 } }

    @Test func checkpointsHoldTheLowestAndTheLastLoss() {
        let epochs = stored(progress(steps: 250, loss: valley(1000)))
        #expect(epochs.best == epochs.latest)
        #expect(RunVerdict.text([epochs]).contains("lowest at the end, 10.000 after 2 epochs"))
        let past = stored(progress(steps: 270, loss: valley(100)))
        #expect(past.best == HeldOutLoss(loss: 2, epoch: 1, step: 100, endsEpoch: true))
        #expect(RunVerdict.text([past]).contains("lowest in epoch 1, 2.000, and 3.000 at the end: the model overfits"))
    }

    @Test func checkpointsHoldTheLowestLossWithinAnEpoch() {
        func run(steps: Int, least: Int) -> Run {
            stored(progress(steps: steps, every: 50, loss: valley(least))) { $0.settings?[.validateEverySteps] = 50 }
        }
        #expect(RunVerdict.text([run(steps: 260, least: 1000)]).contains("lowest at the end, 9.500 after 250 steps"))
        #expect(run(steps: 250, least: 150).best == HeldOutLoss(loss: 2, epoch: 2, step: 150, endsEpoch: false))
        #expect(
            RunVerdict.text([run(steps: 200, least: 150)]).contains(
                "lowest after 150 steps, 2.000, and 2.500 at the end"))
        // The last loss isn't stored.
        let unknown = run(steps: 260, least: 150)
        #expect(unknown.latest == nil)
        #expect(
            RunVerdict.text([unknown])
                == "The held-out loss is lowest after 150 steps, 2.000. Only a metrics file has later losses.")
        #expect(run(steps: 60, least: 1000).best == HeldOutLoss(loss: 11.5, epoch: 1, step: 50, endsEpoch: false))
    }

    @Test func lossesOnDifferentTextsAreNotRanked() {
        let first = stored(progress(steps: 100, loss: valley(100)), name: "a") { $0.settings?[.validationSplit] = 0.1 }
        func verdict(_ change: (inout CheckpointMetadata) -> Void) -> String {
            let second = stored(progress(steps: 100, loss: valley(50)), name: "b") { metadata in
                metadata.settings?[.validationSplit] = 0.1
                change(&metadata)
            }
            let third = stored(TrainingProgress(epoch: 1, step: 100, epochLosses: [1]), name: "c")
            return RunVerdict.text([first, second, third])
        }
        let rest = " “c” has no held-out loss."
        #expect(verdict { _ in } == "“a” has the lowest held-out loss, 2.000 in epoch 1, 0.500 below the next.\(rest)")
        func refusal(_ difference: String) -> String {
            "The held-out losses can't be compared: the runs' \(difference) differ.\(rest)"
        }
        #expect(verdict { $0.corpusChecksum = "two" } == refusal("texts"))
        #expect(verdict { $0.settings?[.validationSplit] = 0.2 } == refusal("held-out texts"))
        #expect(verdict { $0.validationChecksum = "three" } == refusal("held-out texts"))
        #expect(
            verdict {
                $0.settings?[.tokens] = .bytes
                $0.corpusChecksum = "two"
            } == refusal("units and texts"))
    }

    @Test func trainingLossesAreComparedWithoutHeldOutData() {
        func plain(_ name: String, _ loss: Double, text: String = "one") -> Run {
            stored(TrainingProgress(epoch: 1, step: 100, epochLosses: [loss]), name: name) { $0.corpusChecksum = text }
        }
        #expect(
            RunVerdict.text([plain("a", 2), plain("b", 1.5)])
                == "“b” has the lowest training loss, 1.500. Held-out losses, which show which model predicts best, are "
                + "missing for “a” and “b”.")
        #expect(
            RunVerdict.text([plain("a", 2), plain("b", 1.5, text: "two")])
                == "The training losses can't be compared: the runs' texts differ. Held-out losses are missing for “a” and “b”."
        )
    }
}
