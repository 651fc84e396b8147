import DTrainCore
import Foundation
import Synchronization
import Testing

@testable import DTrainDistributed

/// Trainings with held-out data and on streams, with ranks as threads.
@Suite struct HeldOutRunTests: HeldOutSuite {
    let bench: TrainingBench

    init() throws { bench = try TrainingBench() }

    /// Checkpoints and their held-out losses depend on neither the number of ranks nor a resume.
    @Test(arguments: [(false, Cell.gru), (true, .gru), (true, .lstm)])
    func rankCountsAndResumesKeepTheBits(stateful: Bool, cell: Cell) throws {
        func change(_ options: inout TrainingOptions) {
            options[.validationSplit] = 0.2
            options[.validateEverySteps] = 7
            options[.stateful] = stateful
            options[.cell] = cell
            options[.layers] = 2
        }
        try train(ranks: 1, options(in: "alone", change))
        try train(ranks: 3, options(in: "three", change))
        var part = options(in: "part", change)
        part[.maxSteps] = 10
        try train(ranks: 2, part)
        var rest = part
        rest.settings = Settings()
        rest[.checkpointDirectory] = part[.checkpointDirectory]
        rest[.metrics] = part[.metrics]
        rest.start = .resume
        try train(ranks: 3, rest)
        for name in ["ckpt_1.safetensors", "ckpt_2.safetensors", "ckpt_best.safetensors"] {
            let alone = try bytes("alone/\(name)")
            #expect(try bytes("three/\(name)") == alone, "\(name) on three ranks")
            #expect(try bytes("part/\(name)") == alone, "\(name) resumed")
        }
        let losses = try validations("alone")
        #expect(losses.count >= 2 && losses.contains { $0.step == 7 })
        #expect(try validations("part").map(\.validation_loss) == losses.map(\.validation_loss))
    }

    /// A stop ends a measurement before its next batch, and the resumed training repeats it.
    @Test(arguments: [false, true])
    func aStopAtAnyPollAndAResumeKeepTheBits(stateful: Bool) throws {
        func change(_ options: inout TrainingOptions) {
            // The last step of the epoch isn't a multiple of 8.
            (options[.validationSplit], options[.validateEverySteps], options[.epochs]) = (0.2, 8, 1)
            options[.stateful] = stateful
        }
        let whole = options(in: "whole", change)
        let polls = Mutex(0)
        _ = try bench.train(ranks: 2, whole) { rank, poll, _ in
            if rank == 1 { polls.withLock { $0 = poll } }
            return 0
        }
        var pending: Set<Bool> = []
        for stop in 1...polls.withLock({ $0 }) {
            let part = options(in: "part-\(stop)", change)
            let last = Mutex(0)
            let outcomes = try bench.train(ranks: 2, part) { rank, poll, _ in
                guard rank == 1 else { return 0 }
                last.withLock { $0 = poll }
                return poll >= stop ? SIGTERM : 0
            }
            for outcome in outcomes { #expect(try !outcome.get(), "stop \(stop)") }
            #expect(last.withLock { $0 } == stop)
            let saved = try Checkpoint(path: CheckpointDirectory.newestFile("\(bench.folder)/part-\(stop)"))
            let progress = try #require(saved.metadata.progress)
            if progress.validation?.pendingStep != nil { pending.insert(progress.stepInEpoch.isMultiple(of: 8)) }
            var rest = part
            rest.start = .resume
            try train(ranks: 1, rest)
            for name in ["ckpt_1.safetensors", "ckpt_best.safetensors"] {
                #expect(try bytes("part-\(stop)/\(name)") == bytes("whole/\(name)"), "\(name), stop \(stop)")
            }
            #expect(try validations("part-\(stop)") == validations("whole"), "stop \(stop)")
        }
        #expect(pending == [false, true])
    }

    /// Trains on two ranks until a stop interrupts the measurement after a step.
    private func interrupt(after step: Int, _ options: TrainingOptions) throws {
        let outcomes = try bench.train(ranks: 2, options) { _, _, run in
            run.map { $0.trainer.step >= step } ?? false ? SIGTERM : 0
        }
        for outcome in outcomes { #expect(try !outcome.get()) }
    }

    private func pendingStep(_ folder: String) throws -> Int? {
        try Checkpoint(path: CheckpointDirectory.newestFile("\(bench.folder)/\(folder)")).metadata.progress?
            .validation?.pendingStep
    }

    @Test func aPendingMeasurementIsRepeatedOnce() throws {
        func change(_ options: inout TrainingOptions) {
            (options[.validationSplit], options[.validateEverySteps], options[.epochs]) = (0.2, 8, 1)
        }
        try train(ranks: 1, options(in: "whole", change))
        var part = options(in: "part", change)
        try interrupt(after: 8, part)
        part.start = .resume
        // Stopped again before the first batch.
        try interrupt(after: 8, part)
        #expect(try pendingStep("part") == 8)
        let pending = "\(bench.folder)/pending.safetensors"
        try bytes("part/ckpt_1_8.safetensors").write(to: URL(fileURLWithPath: pending))
        part[.maxSteps] = 8
        try train(ranks: 2, part)
        #expect(try pendingStep("part") == nil)
        #expect(try validations("part").map(\.step) == [8])
        // As after a crash that loses the repeated measurement.
        (part.start, part[.overwrite], part[.maxSteps]) = (.resumeFrom(pending), true, nil)
        try train(ranks: 1, part)
        #expect(try validations("part") == validations("whole"))
        for name in ["ckpt_1.safetensors", "ckpt_best.safetensors"] {
            #expect(try bytes("part/\(name)") == bytes("whole/\(name)"), "\(name)")
        }
    }

    @Test func fewerEpochsEndTheTrainingAfterThePendingMeasurement() throws {
        var part = options(in: "part") { ($0[.validationSplit], $0[.validateEverySteps]) = (0.2, 24) }
        try interrupt(after: 24, part)
        let epoch = try Checkpoint(path: CheckpointDirectory.newestFile("\(bench.folder)/part")).metadata.progress?
            .epoch
        try #require(epoch == 1)
        (part.start, part[.epochs]) = (.resume, 1)
        try train(ranks: 1, part)
        #expect(try pendingStep("part") == nil)
        #expect(try validations("part").last?.step == 24)
        #expect(FileManager.default.fileExists(atPath: "\(bench.folder)/part/ckpt_2_3.safetensors"))
    }

    /// The held-out loss equals an evaluation of the saved weights on the held-out windows.
    @Test func theHeldOutLossMatchesAnEvaluation() throws {
        try train(ranks: 2, options(in: "run") { $0[.validationSplit] = 0.2 })
        let checkpoint = try Checkpoint(path: "\(bench.folder)/run/ckpt_2.safetensors")
        let vocabulary = try checkpoint.requireVocabulary()
        let corpus = try Corpus(path: "\(bench.folder)/text.txt", vocabulary: vocabulary)
        let heldOut = try #require(
            SequenceDataset(corpus: corpus, sequenceLength: 10, batchSize: 8, validationSplit: 0.2).heldOut)
        // Each window is evaluated separately.
        let evaluator = try Evaluator(checkpoint: checkpoint, sequenceLength: 10, threads: 1)
        let windows = heldOut.predictions / 10
        let first = corpus.count / 11 - windows
        let losses = try (first..<first + windows).map { window in
            let text = "\(bench.folder)/window.txt"
            let ids = corpus[window * 11..<(window + 1) * 11]
            try vocabulary.decode(ids).write(toFile: text, atomically: true, encoding: .utf8)
            return try evaluator.evaluate(Corpus(path: text, vocabulary: vocabulary)).loss
        }
        let mean = losses.reduce(0, +) / Double(windows)
        let measured = try #require(checkpoint.metadata.progress?.validation?.epochLosses.last)
        #expect(abs(measured - mean) < 1e-6)
        #expect(try validations("run").last?.validation_loss == measured)
    }

    /// Validating after every step gives the same weights as validating after every epoch.
    @Test func validationDoesNotChangeTheWeights() throws {
        try train(ranks: 1, options(in: "often") { ($0[.validationSplit], $0[.validateEverySteps]) = (0.2, 1) })
        try train(ranks: 1, options(in: "seldom") { $0[.validationSplit] = 0.2 })
        func weights(_ folder: String) throws -> [Float] {
            let checkpoint = try Checkpoint(path: "\(bench.folder)/\(folder)/ckpt_2.safetensors")
            return try #require(checkpoint["gru.recurrent_kernel"])
        }
        #expect(try weights("often") == weights("seldom"))
    }

    @Test func earlyStoppingEndsTheTrainingAndItsResume() throws {
        func change(_ options: inout TrainingOptions) {
            (options[.validationSplit], options[.validateEverySteps]) = (0.2, 1)
            // No loss improves by that much.
            (options[.earlyStopping], options[.minDelta]) = (3, 100)
        }
        let first = options(in: "run", change)
        try train(ranks: 2, first)
        // The first measurement counts as an improvement.
        #expect(try validations("run").compactMap(\.step) == [1, 2, 3, 4])
        #expect(
            try FileManager.default.contentsOfDirectory(atPath: "\(bench.folder)/run").contains("ckpt_1_4.safetensors"))
        var again = first
        again.start = .resume
        try train(ranks: 1, again)
        #expect(try validations("run").count == 4)
        again[.earlyStopping] = 5
        try train(ranks: 1, again)
        #expect(try validations("run").count == 6)
    }

    /// As a custom training loop may save it.
    @Test func aMissingRecordOfHeldOutLossesIsRejected() throws {
        var again = try trainAnEpoch()
        let path = "\(bench.folder)/run/ckpt_1.safetensors"
        try bench.rewrite(path) { $0.progress?.validation = nil }
        (again.start, again[.epochs]) = (.resume, 2)
        let error = try #require(throws: CollectiveError.self) { try train(ranks: 2, again) }
        #expect(error.error.category == .badData)
        #expect(error.description.contains("has the held-out losses of 0 of its 1 epochs"), "\(error)")
    }

    /// While it is mapped, its space isn't free for the next checkpoint.
    @Test func theResumedFileIsClosedBeforeTheFirstStep() throws {
        var again = bench.options
        again[.epochs] = 1
        try train(ranks: 1, again)
        (again.start, again[.epochs]) = (.resume, 2)
        let path = "\(bench.folder)/checkpoints/ckpt_1.safetensors"
        let plan = try TrainingPlan.make(again, communicator: SoloCommunicator(), defaultThreads: 1) { _ in }
        func isMapped() throws -> Bool {
            let maps = try #require(FileHandle(forReadingAtPath: "/proc/self/maps"))
            // A read returns one page at most.
            var text = Data()
            while let part = try maps.read(upToCount: 1 << 12), !part.isEmpty { text += part }
            return text.range(of: Data(path.utf8)) != nil
        }
        #expect(try isMapped())
        let run = try TrainingRun(plan) { _ in }
        #expect(try !isMapped())
        try run.run()
    }

    @Test func charactersThatTheTextLacksAreReported() throws {
        let path = "\(bench.folder)/held-out.txt"
        try "the lazy d\u{E4}chs jumps over \u{FC}\n".write(toFile: path, atomically: true, encoding: .utf8)
        var options = bench.options
        (options[.validationData], options[.maxSteps]) = (path, 1)
        nonisolated(unsafe) var warnings: [String] = []
        let plan = try TrainingPlan.make(options, communicator: SoloCommunicator(), defaultThreads: 1) { _ in }
        try TrainingRun(plan) { if case .warning(let text) = $0 { warnings.append(text) } }.run()
        #expect(warnings == ["2 of 28 characters of '\(path)' are not in the vocabulary: measured as [UNK]"])
    }

    @Test func theStatesOfStreamsHaveTheirDocumentedNames() throws {
        try train(
            ranks: 2,
            options(in: "run") { ($0[.stateful], $0[.cell], $0[.layers], $0[.maxSteps]) = (true, .lstm, 2, 2) })
        let file = try Safetensors(path: "\(bench.folder)/run/ckpt_1_2.safetensors")
        let names = file.tensors.keys.filter { $0.hasPrefix("state.") }
        #expect(Set(names) == ["state.lstm.h", "state.lstm.c", "state.lstm_1.h", "state.lstm_1.c"])
        for name in names { #expect(file.tensors[name]?.shape == [8, 8]) }
    }

    @Test func resumingWithOtherHeldOutDataIsRejected() throws {
        for (name, text) in [
            ("a.txt", "the lazy dog jumps over the fox\n"), ("b.txt", "the quick fox runs over dogs\n"),
        ] {
            try text.write(toFile: "\(bench.folder)/\(name)", atomically: true, encoding: .utf8)
        }
        let first = options(in: "run") {
            ($0[.validationData], $0[.maxSteps], $0[.earlyStopping]) = ("\(bench.folder)/a.txt", 2, 3)
        }
        try train(ranks: 1, first)
        var again = first
        (again.start, again[.maxSteps]) = (.resume, 3)
        for (file, word) in [
            ("\(bench.folder)/b.txt", "is not the held-out data"), (nil, "was trained with held-out data"),
        ] {
            again.settings = Settings()
            again[.checkpointDirectory] = first[.checkpointDirectory]
            again.settings.take(.validationData, file.map { Optional($0) })
            let error = #expect(throws: (any Error).self) { try train(ranks: 2, again) }
            let text = "\(try #require(error))"
            #expect(text.contains(word))
        }
    }
}
