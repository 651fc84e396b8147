import DTrainCore
import Foundation
import Synchronization
import Testing

@testable import DTrainDistributed

@Suite struct MetricsLogTests {
    private func report(_ step: Int) -> StepReport {
        StepReport(
            step: step, epoch: 1, stepInEpoch: step, stepsPerEpoch: 9, loss: 1, gradientNorm: 1, learningRate: 1,
            epochLoss: 1, seconds: 1, epochSeconds: 1, meanSeconds: 1, tokens: 1, profile: nil, gradientBytes: nil)
    }

    private func steps(_ path: String) throws -> [Int] {
        try String(contentsOfFile: path, encoding: .utf8).split(separator: "\n").compactMap { line in
            (try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any])?["step"] as? Int
        }
    }

    /// Every write to `/dev/full` fails as on a full disk.
    @Test func aFullDiskIsReportedOnceAndFailsOnlyAtTheEnd() throws {
        let log = try MetricsLog(path: "/dev/full", data: ["/dev/null"], after: .none)
        var warnings: [String] = []
        for step in 1...5 {
            try log.write(report(step)) { event in if case .warning(let text) = event { warnings.append(text) } }
        }
        #expect(warnings.count == 1)
        #expect(warnings.first?.contains("cannot write metrics to '/dev/full': No space left on device") == true)
        let error = try #require(throws: DTrainError.self) { try log.finish() }
        #expect(error.category == .inputOutput)
        #expect(
            error.message.contains("its last 5 lines are missing") && error.hint?.contains("`resume-from`") == true,
            "\(error)")
    }

    @Test func missingLinesAreWrittenOnceThereIsRoom() throws {
        let folder = try SaverFolder()
        let path = "\(folder.path)/metrics"
        let room = Mutex(Int.max)
        var calls = FileCalls.system
        calls.write = { descriptor, bytes in
            let count = room.withLock { min($0, bytes.count) }
            room.withLock { $0 -= count }
            if count > 0 {
                return FileCalls.system.write(descriptor, UnsafeRawBufferPointer(rebasing: bytes.prefix(count)))
            }
            errno = ENOSPC
            return -1
        }
        let log = try MetricsLog(path: path, data: ["/dev/null"], after: .none, calls: calls)
        var warnings = 0
        let countWarning: (TrainingEvent) -> Void = { if case .warning = $0 { warnings += 1 } }
        try log.write(report(1), countWarning)
        room.withLock { $0 = 10 }
        try log.write(report(2), countWarning)
        try log.write(report(3), countWarning)
        #expect(warnings == 1)
        #expect(throws: DTrainError.self) { try log.finish() }
        room.withLock { $0 = Int.max }
        try log.write(report(4), countWarning)
        try log.finish()
        #expect(try steps(path) == [1, 2, 3, 4])
    }

    @Test func aResumeReportsAGapInTheMetrics() throws {
        let folder = try SaverFolder()
        let path = "\(folder.path)/metrics"
        func write() throws {
            let log = try MetricsLog(path: path, data: ["/dev/null"], after: .none)
            for step in 1...3 { try log.write(report(step)) { _ in } }
            try log.finish()
        }
        try write()
        func gap(at step: Int) throws -> String? {
            try MetricsLog(
                path: path, data: ["/dev/null"],
                after: .saved(TrainingProgress(stepInEpoch: step, step: step, lossSum: Double(step)))
            ).remark
        }
        let text = try #require(try gap(at: 5))
        #expect(text.contains("ends at step 3") && text.contains("after step 5"), "\(text)")
        #expect(try gap(at: 3) == nil)
        #expect(try gap(at: 2) == nil)
        #expect(try steps(path) == [1, 2])
        #expect(try gap(at: 3) != nil)
    }

    /// A file with two finished epochs of two steps plus one step, and the matching progress.
    private func earlier(_ folder: SaverFolder) throws -> (path: String, text: String, progress: TrainingProgress) {
        let path = "\(folder.path)/metrics"
        var text = ""
        for step in 1...5 {
            text += "{\"epoch\":\((step + 1) / 2),\"loss\":0.\(step),\"step\":\(step)}\n"
            if step.isMultiple(of: 2) { text += "{\"epoch\":\(step / 2),\"epoch_loss\":0.\(step)5}\n" }
        }
        try Data(text.utf8).write(to: URL(fileURLWithPath: path))
        return (
            path, text,
            TrainingProgress(epoch: 2, stepInEpoch: 1, step: 5, epochLosses: [0.25, 0.45], lossSum: 0.5)
        )
    }

    private func open(_ path: String, after predecessor: EarlierMetrics.Predecessor) throws -> MetricsLog {
        try MetricsLog(path: path, data: ["/dev/null"], after: predecessor)
    }

    @Test func linesOfAnotherTrainingAreNotOverwritten() throws {
        let folder = try SaverFolder()
        let (path, text, own) = try earlier(folder)
        var (otherEpoch, otherStep) = (own, own)
        otherEpoch.epochLosses[1] = 0.45.nextUp
        otherStep.lossSum = 0.5.nextDown
        let cases: [(EarlierMetrics.Predecessor, String)] = [
            (.none, "already holds 7 lines"), (.unsaved, "2 epochs of a training"),
            (.saved(otherEpoch), "the losses of epoch 2 differ"), (.saved(otherStep), "the losses of epoch 3 differ"),
        ]
        for (predecessor, part) in cases {
            let error = try #require(throws: DTrainError.self) { try open(path, after: predecessor) }
            #expect(error.category == .usage && error.message.contains("'\(path)'"), "\(error)")
            #expect(error.message.contains(part) && error.hint?.contains("`metrics`") == true, "\(error)")
            #expect(try String(contentsOfFile: path, encoding: .utf8) == text)
        }
        #expect(try open(path, after: .saved(own)).remark == nil)
        #expect(try String(contentsOfFile: path, encoding: .utf8) == text)
        #expect(try open(path, after: .discarded).remark == nil)
        #expect(try String(contentsOfFile: path, encoding: .utf8).isEmpty)
    }

    /// The file of a training that was killed before its first save.
    @Test func linesBeforeTheFirstCheckpointAreDiscardedWithARemark() throws {
        let folder = try SaverFolder()
        let (path, text, _) = try earlier(folder)
        try Data(text.split(separator: "\n").prefix(4).joined(separator: "\n").utf8 + [0x0A])
            .write(to: URL(fileURLWithPath: path))
        let remark = try #require(try open(path, after: .unsaved).remark)
        #expect(remark.contains("starts over") && remark.contains("4 lines"), "\(remark)")
        #expect(try String(contentsOfFile: path, encoding: .utf8).isEmpty)
    }

    @Test func aFileInUseByAnotherTrainingIsRejected() throws {
        let folder = try SaverFolder()
        let (path, text, progress) = try earlier(folder)
        // Truncation replaces the file with a new one.
        try Data((text + "{\"epoch\":3,\"loss\":1,\"step\":6}\n").utf8).write(to: URL(fileURLWithPath: path))
        let first = try open(path, after: .saved(progress))
        #expect(try String(contentsOfFile: path, encoding: .utf8) == text)
        let error = try #require(throws: DTrainError.self) { try open(path, after: .discarded) }
        #expect(error.message.contains("another training (process \(getpid()) of this host) writes"), "\(error)")
        withExtendedLifetime(first) {}
        #expect(try String(contentsOfFile: path, encoding: .utf8) == text)
    }

    /// A pipe whose reader never reads delays neither the training nor its end.
    @Test func aFullPipeDoesNotBlockTheTraining() throws {
        let folder = try SaverFolder()
        let path = "\(folder.path)/pipe"
        try #require(mkfifo(path, 0o600) == 0)
        let reader = Glibc.open(path, O_RDONLY | O_NONBLOCK)
        defer { close(reader) }
        let log = try open(path, after: .none)
        var warnings: [String] = []
        for step in 1...2000 {
            try log.write(report(step)) { if case .warning(let text) = $0 { warnings.append(text) } }
        }
        #expect(warnings.count == 1 && warnings[0].contains("is not keeping up"), "\(warnings)")
        // The reader repeatedly drains the pipe.
        var bytes = [UInt8](repeating: 0, count: 1 << 20)
        var lines = 0
        for step in 2001...2020 {
            let count = read(reader, &bytes, bytes.count)
            lines += bytes.prefix(max(0, count)).count { $0 == UInt8(ascii: "\n") }
            try log.write(report(step)) { _ in }
        }
        let count = read(reader, &bytes, bytes.count)
        lines += bytes.prefix(max(0, count)).count { $0 == UInt8(ascii: "\n") }
        try log.finish()
        #expect(lines == 2020)
    }

    @Test func aSignalEndsTheWaitForAPipesReader() throws {
        let folder = try SaverFolder()
        let path = "\(folder.path)/pipe"
        try #require(mkfifo(path, 0o600) == 0)
        var polls: Int32 = 0
        let error = try #require(throws: DTrainError.self) {
            try MetricsLog(
                path: path, data: ["/dev/null"], after: .none,
                stopSignal: {
                    polls += 1
                    return polls > 2 ? SIGINT : 0
                })
        }
        #expect(error.category == .stopped, "\(error)")
        #expect(error.message.contains("pipe '\(path)' of `metrics` had no reader"), "\(error)")
    }
}
