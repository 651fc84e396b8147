import DTrainCore
import Foundation
import Synchronization
import Testing

@testable import DTrainDistributed

/// The checkpoint with the lowest held-out loss, and what a resume does if it is missing.
@Suite struct BestCheckpointTests: HeldOutSuite {
    let bench: TrainingBench

    init() throws { bench = try TrainingBench() }

    @Test func theBestCheckpointHasTheLowestLoss() throws {
        // A learning rate at which the loss soon rises again.
        try train(
            ranks: 1,
            options(in: "run") {
                ($0[.validationSplit], $0[.validateEverySteps], $0[.learningRate]) = (0.2, 1, 0.3)
            })
        let least = try #require(try validations("run").compactMap(\.validation_loss).min())
        let best = try Checkpoint(path: "\(bench.folder)/run/ckpt_best.safetensors")
        let record = try #require(best.metadata.progress?.validation)
        #expect(record.bestLoss == least && record.bestStep == best.metadata.progress?.step)
        let last = try Checkpoint(path: "\(bench.folder)/run/ckpt_2.safetensors")
        #expect(last.metadata.progress?.validation?.bestLoss == least)
    }

    @Test func resumingBeforeTheBestStepDeletesTheBestCheckpoint() throws {
        let first = options(in: "run") {
            ($0[.validationSplit], $0[.validateEverySteps], $0[.checkpointEverySteps]) = (0.2, 5, 4)
        }
        try train(ranks: 1, first)
        let best = "\(bench.folder)/run/ckpt_best.safetensors"
        let step = try #require(try Checkpoint(path: best).metadata.progress?.step)
        try #require(step > 4)
        var again = first
        again.start = .resumeFrom("\(bench.folder)/run/ckpt_1_4.safetensors")
        (again[.overwrite], again[.maxSteps]) = (true, 4)
        try train(ranks: 1, again)
        #expect(!FileManager.default.fileExists(atPath: best))
    }

    /// At this rate no loss is lower than before.
    @Test func aResumeIntoAnotherFolderCopiesTheBestCheckpoint() throws {
        var again = try trainAnEpoch()
        let best = try bytes("run/ckpt_best.safetensors")
        (again.start, again[.epochs], again[.learningRate]) = (.resume, 2, 10)
        try train(ranks: 1, again)
        (again.start, again[.epochs]) = (.resumeFrom("\(bench.folder)/run/ckpt_2.safetensors"), 3)
        (again[.checkpointDirectory], again[.metrics]) = ("\(bench.folder)/other", nil)
        // Without a point, a restart would resume the copy.
        let isCopied = Mutex<Set<Bool>>([])
        for outcome in try bench.train(
            ranks: 2, again,
            beforeReduction: { [path = "\(bench.folder)/other"] _, _, _ in
                let directory = CheckpointDirectory(path: path)
                if (try? directory.list().isEmpty) ?? true {
                    isCopied.withLock { _ = $0.insert(FileManager.default.fileExists(atPath: directory.best)) }
                }
                return 0
            })
        { _ = try outcome.get() }
        #expect(isCopied.withLock { $0 } == [false])
        #expect(try bytes("other/ckpt_best.safetensors") == best)
        #expect(try record("other/ckpt_3.safetensors").bestLoss == record("run/ckpt_1.safetensors").bestLoss)
    }

    @Test func theBestCheckpointAfterALostOneTakesItsPlace() throws {
        var again = try trainAnEpoch()
        (again.start, again[.epochs], again[.learningRate]) = (.resume, 2, 10)
        try train(ranks: 1, again)
        let before = try record("run/ckpt_2.safetensors")
        try FileManager.default.removeItem(atPath: "\(bench.folder)/run/ckpt_best.safetensors")
        (again[.epochs], again[.learningRate]) = (3, 10)
        try train(ranks: 2, again)
        let best = try record("run/ckpt_best.safetensors")
        #expect(try #require(best.bestLoss) > #require(before.bestLoss))
        #expect(best.bestStep > before.bestStep)
        // Early stopping still counts from the lowest loss.
        let last = try record("run/ckpt_3.safetensors")
        #expect(last.reference == before.reference && last.waited > before.waited)
    }

    /// As after a kill between the two files of the last save; the resumed training may be complete.
    @Test(arguments: [1, 2])
    func aPointThatIsTheBestReplacesAMissingBestCheckpoint(epochs: Int) throws {
        var again = try trainAnEpoch()
        let best = try bytes("run/ckpt_best.safetensors")
        try #require(try bytes("run/ckpt_1.safetensors") == best)
        try FileManager.default.removeItem(atPath: "\(bench.folder)/run/ckpt_best.safetensors")
        (again.start, again[.epochs], again[.learningRate]) = (.resume, epochs, 10)
        try train(ranks: 2, again)
        #expect(try bytes("run/ckpt_best.safetensors") == best)
    }

    /// As after a save that failed twice.
    @Test func anEarlierBestCheckpointStaysWhenALaterOneIsLost() throws {
        var again = options(in: "run") { ($0[.validationSplit], $0[.epochs]) = (0.2, 1) }
        try train(ranks: 1, again)
        let best = try bytes("run/ckpt_best.safetensors")
        let loss = try record("run/ckpt_best.safetensors").bestLoss
        (again.start, again[.epochs]) = (.resume, 2)
        try train(ranks: 1, again)
        try #require(try record("run/ckpt_2.safetensors").bestStep > record("run/ckpt_1.safetensors").bestStep)
        (again[.epochs], again[.learningRate]) = (3, 10)
        try train(ranks: 1, again)
        try best.write(to: URL(fileURLWithPath: "\(bench.folder)/run/ckpt_best.safetensors"))
        again[.epochs] = 4
        try train(ranks: 2, again)
        #expect(try bytes("run/ckpt_best.safetensors") == best)
        #expect(try record("run/ckpt_4.safetensors").bestLoss == loss)
    }

    /// As after a kill before the first point, or if a user keeps nothing else.
    @Test func aResumeContinuesFromALoneBestCheckpoint() throws {
        func change(_ options: inout TrainingOptions) {
            (options[.validationSplit], options[.validateEverySteps], options[.epochs]) = (0.2, 5, 1)
        }
        try train(ranks: 1, options(in: "whole", change))
        var part = options(in: "part", change)
        part[.maxSteps] = 5
        try train(ranks: 2, part)
        try FileManager.default.removeItem(atPath: "\(bench.folder)/part/ckpt_1_5.safetensors")
        (part.start, part[.maxSteps]) = (.resume, nil)
        try train(ranks: 2, part)
        for name in ["ckpt_1.safetensors", "ckpt_best.safetensors"] {
            #expect(try bytes("part/\(name)") == bytes("whole/\(name)"), "\(name)")
        }
        #expect(try validations("part") == validations("whole"))
    }

    @Test func aFolderWithALaterBestCheckpointIsRejected() throws {
        for epochs in 1...2 {
            try train(
                ranks: 1,
                options(in: "\(epochs)") { ($0[.validationSplit], $0[.epochs], $0[.metrics]) = (0.2, epochs, nil) })
        }
        for epoch in 1...2 {
            try FileManager.default.removeItem(atPath: "\(bench.folder)/2/ckpt_\(epoch).safetensors")
        }
        let best = try bytes("2/ckpt_best.safetensors")
        var again = options(in: "2") { $0[.metrics] = nil }
        again.start = .resumeFrom("\(bench.folder)/1/ckpt_1.safetensors")
        let error = try #require(throws: CollectiveError.self) { try train(ranks: 2, again) }
        #expect(error.description.contains("holds later checkpoints"), "\(error)")
        #expect(try bytes("2/ckpt_best.safetensors") == best)
    }

    @Test func overwritingDeletesTheBestCheckpoint() throws {
        var again = try trainAnEpoch()
        (again[.validationSplit], again[.validateEverySteps], again[.overwrite]) = (nil, nil, true)
        try train(ranks: 1, again)
        #expect(!FileManager.default.fileExists(atPath: "\(bench.folder)/run/ckpt_best.safetensors"))
    }
}
