import DTrainCore
import Foundation
import Testing

@testable import DTrainDistributed

/// The planning of a training: the files that it reads and leaves unchanged.
@Suite struct TrainingPlanTests {
    /// The bytes of every file of the bench by path; empty for folders.
    private func files(_ bench: TrainingBench) throws -> [String: Data] {
        let paths = FileManager.default.enumerator(atPath: bench.folder)?.compactMap { $0 as? String } ?? []
        return paths.reduce(into: [:]) { files, path in
            files[path] = FileManager.default.contents(atPath: "\(bench.folder)/\(path)") ?? Data()
        }
    }

    /// A bench after three steps, with leftovers of a killed writer.
    private func usedBench() throws -> (TrainingBench, TrainingOptions) {
        let bench = try TrainingBench()
        var options = bench.options
        options[.maxSteps] = 3
        options[.seed] = 7
        options[.learningRate] = 0.01
        options[.clipNorm] = 0.5
        _ = try bench.train(ranks: 1, options) { _, _, _ in 0 }.map { try $0.get() }
        let stale = "\(bench.folder)/checkpoints/.ckpt_9.safetensors.1-1.dtrain-tmp"
        try Data("half".utf8).write(to: URL(fileURLWithPath: stale))
        return (bench, options)
    }

    private func plan(_ options: TrainingOptions, report: @escaping (TrainingEvent) -> Void = { _ in }) throws
        -> TrainingPlan
    {
        try TrainingPlan.make(options, communicator: SoloCommunicator(), defaultThreads: 1, report: report)
    }

    /// Options that only resume the bench's training.
    private func resume(_ bench: TrainingBench) -> TrainingOptions {
        var options = TrainingOptions(data: "\(bench.folder)/text.txt", start: .resume)
        options[.checkpointDirectory] = "\(bench.folder)/checkpoints"
        return options
    }

    @Test func planningATrainingChangesNoFile() throws {
        let (bench, used) = try usedBench()
        let before = try files(bench)
        var options = used
        options[.overwrite] = true
        let training = try TrainingRun(try plan(options)) { _ in }
        #expect(try files(bench) == before)
        // The run follows the plan.
        try training.run()
        #expect(try bench.checkpoints == ["ckpt_1_3.safetensors"])
        #expect(try files(bench)["metrics.jsonl"] != before["metrics.jsonl"])
    }

    @Test(arguments: 1...3)
    func aFailedPlanChangesNoFile(ranks: Int) throws {
        let (bench, used) = try usedBench()
        let before = try files(bench)
        var tooLong = used
        tooLong[.overwrite] = true
        tooLong[.sequenceLength] = 100_000
        var refused = used
        refused[.metrics] = "\(bench.folder)/other.jsonl"
        var elsewhere = tooLong
        elsewhere[.checkpointDirectory] = "\(bench.folder)/new/folder"
        var contradicting = resume(bench)
        contradicting[.seed] = 8
        for options in [tooLong, refused, elsewhere, contradicting] {
            for result in try bench.train(ranks: ranks, options, beforeReduction: { _, _, _ in 0 }) {
                #expect(throws: CollectiveError.self) { try result.get() }
            }
            #expect(try files(bench) == before)
        }
    }

    @Test(arguments: 1...3)
    func aResumeTakesMissingSettingsFromTheCheckpoint(ranks: Int) throws {
        let (bench, used) = try usedBench()
        let options = resume(bench)
        let plans = try InMemoryCommunicator.run(ranks: ranks) { communicator in
            let plan = try TrainingPlan.make(options, communicator: communicator, defaultThreads: 1) { _ in }
            return (plan.options.settings.stored, plan.data.model, plan.start.summary.changes)
        }
        for plan in plans {
            let (stored, model, changes) = try plan.get()
            #expect(stored == used.settings.stored)
            #expect((model.embeddingDim, model.rnnUnits) == (4, 8))
            #expect(changes == [])
        }
    }

    @Test func aChangedSettingIsReportedOnce() throws {
        let (bench, _) = try usedBench()
        var options = resume(bench)
        options[.epochs] = 5
        options[.learningRate] = 0.5
        nonisolated(unsafe) var notices: [String] = []
        let report = { (event: TrainingEvent) in
            if case .notice(let text) = event { notices.append(text) }
        }
        options[.maxSteps] = 3
        try TrainingRun(try plan(options, report: report), report: report).run()
        #expect(notices.filter { $0 == "`epochs` changes from 2 to 5" }.count == 1, "\(notices)")
        #expect(notices.filter { $0 == "`learning-rate` changes from 0.01 to 0.5" }.count == 1, "\(notices)")
    }

    /// A checkpoint from before the number of epochs was stored.
    @Test func aCheckpointWithoutTheNumberOfEpochsResumes() throws {
        let (bench, used) = try usedBench()
        let path = "\(bench.folder)/checkpoints/ckpt_1_3.safetensors"
        let training =
            #"{"batchSize":8,"clipNorm":0.5,"learningRate":0.01,"microBatchSize":2,"precision":"fp32","#
            + #""seed":7,"sequenceLength":10,"shuffle":true}"#
        try bench.rewrite(path) {
            $0.settings = try JSONDecoder().decode(Settings.self, from: Data(training.utf8))
        }
        #expect(try Checkpoint(path: path).metadata.settings?.isGiven(.epochs) == false)
        var options = resume(bench)
        options[.epochs] = 2
        let plan = try plan(options)
        #expect(plan.options.settings.stored == used.settings.stored)
        #expect(plan.start.summary.changes == [])
    }

    /// The table's entries define the settings that may differ between ranks.
    @Test func ranksCompareTheSettingsOfTheTable() throws {
        let keys = TrainingOptions(data: "text").fingerprint.map(\.key)
        #expect(Set(keys).count == keys.count)
        #expect(Set(Settings.all.map(\.name)).count == Settings.all.count)
        for setting in Settings.all {
            #expect(keys.contains("`\(setting.name)`") == (setting.ranks == .same), "\(setting.name)")
        }
        #expect(keys.count == 2 + Settings.all.count { $0.ranks == .same })
        #expect(Settings.job.allSatisfy { !$0.isStored && !$0.changesWeights && $0.onResume == .free })
    }

    @Test func anExplicitDefaultDiffersFromNoValueOnAResume() {
        func value(_ key: String, _ options: TrainingOptions) -> String? {
            options.fingerprint.first { $0.key == key }?.value
        }
        var options = TrainingOptions(data: "text")
        #expect(value("`seed`", options) == "42" && value("`clip-norm`", options) == "off")
        options.start = .weights("file")
        #expect(value("`seed`", options) == "42" && value("`layers`", options) == "as stored")
        options.start = .resume
        #expect(value("`seed`", options) == "as stored" && value("`keep`", options) == "all")
        options[.seed] = 42
        #expect(value("`seed`", options) == "42")
    }

    /// Another training changes the folder between the check and the lock.
    @Test(arguments: [TrainingOptions.Start.fresh, .resume])
    func aFolderChangedAfterPlanningIsRejected(start: TrainingOptions.Start) throws {
        let (other, _) = try usedBench()
        let bench = try TrainingBench()
        var options = bench.options
        options.start = start
        let training = try TrainingRun(try plan(options)) { _ in }
        try FileManager.default.copyItem(atPath: "\(other.folder)/checkpoints", toPath: options[.checkpointDirectory])
        let before = try files(bench).filter { !$0.key.hasSuffix(".dtrain-tmp") }
        let error = try #require(throws: CollectiveError.self) { try training.run() }.error
        #expect(error.message.contains("'\(options[.checkpointDirectory])'"), "\(error)")
        #expect(
            error.message.contains(start == .resume ? "another training has changed" : "already holds"), "\(error)")
        #expect(try files(bench) == before)
    }

    /// The folder is locked before a checkpoint is chosen, on any number of ranks.
    @Test(arguments: [1, 3])
    func aFolderInUseIsRejectedBeforeACheckpointIsChosen(ranks: Int) throws {
        let (bench, used) = try usedBench()
        let before = try files(bench)
        let first = try plan(resume(bench))
        var anew = used
        anew[.overwrite] = true
        for options in [resume(bench), anew] {
            let results = try InMemoryCommunicator.run(ranks: ranks) { communicator in
                _ = try TrainingPlan.make(options, communicator: communicator, defaultThreads: 1) { _ in }
            }
            for result in results {
                let error = try #require(throws: CollectiveError.self) { try result.get() }.error
                #expect(
                    error.message.contains("another training (process \(getpid()) of this host) saves to folder"),
                    "\(error)")
            }
        }
        #expect(try files(bench) == before)
        withExtendedLifetime(first) {}
    }
}
