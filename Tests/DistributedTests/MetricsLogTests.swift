import DTrainCore
import Foundation
import Synchronization
import Testing

@testable import DTrainDistributed

@Suite struct MetricsLogTests {
    private func report(_ step: Int) -> StepReport {
        StepReport(
            step: step, epoch: 1, stepInEpoch: step, stepsPerEpoch: 9, loss: 1, gradientNorm: 1, epochLoss: 1,
            seconds: 1, epochSeconds: 1, meanSeconds: 1, tokens: 1, profile: nil, gradientBytes: nil)
    }

    private func steps(_ path: String) throws -> [Int] {
        try String(contentsOfFile: path, encoding: .utf8).split(separator: "\n").compactMap { line in
            (try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any])?["step"] as? Int
        }
    }

    /// Every write to this device fails as on a full disk.
    @Test func aFullDiskIsReportedOnceAndFailsAtTheEndAlone() throws {
        let log = try MetricsLog(path: "/dev/full", data: ["/dev/null"], resumedAt: nil)
        var warnings: [String] = []
        for step in 1...5 {
            try log.write(report(step)) { event in if case .warning(let text) = event { warnings.append(text) } }
        }
        #expect(warnings.count == 1)
        #expect(warnings.first?.contains("cannot write metrics to '/dev/full': No space left on device") == true)
        let error = try #require(throws: DTrainError.self) { try log.finish() }
        #expect(error.category == .inputOutput)
        #expect(
            error.message.contains("its last 5 lines are missing") && error.hint?.contains("`resume`") == true,
            "\(error)")
    }

    @Test func linesAreWrittenWhenThereIsRoomAgain() throws {
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
        let log = try MetricsLog(path: path, data: ["/dev/null"], resumedAt: nil, calls: calls)
        var warnings = 0
        let tell: (TrainingEvent) -> Void = { if case .warning = $0 { warnings += 1 } }
        try log.write(report(1), tell)
        room.withLock { $0 = 10 }
        try log.write(report(2), tell)
        try log.write(report(3), tell)
        #expect(warnings == 1)
        #expect(throws: DTrainError.self) { try log.finish() }
        room.withLock { $0 = Int.max }
        try log.write(report(4), tell)
        try log.finish()
        #expect(try steps(path) == [1, 2, 3, 4])
    }

    @Test func aGapIsToldWhenTheTrainingGoesOn() throws {
        let folder = try SaverFolder()
        let path = "\(folder.path)/metrics"
        let log = try MetricsLog(path: path, data: ["/dev/null"], resumedAt: nil)
        for step in 1...3 { try log.write(report(step)) { _ in } }
        try log.finish()
        func gap(at step: Int) throws -> String? {
            try MetricsLog(
                path: path, data: ["/dev/null"], resumedAt: TrainingProgress(stepInEpoch: step, step: step)
            ).gap
        }
        let text = try #require(try gap(at: 5))
        #expect(text.contains("ends at step 3") && text.contains("after step 5"), "\(text)")
        #expect(try gap(at: 3) == nil)
        #expect(try gap(at: 2) == nil)
        #expect(try steps(path) == [1, 2])
        #expect(try gap(at: 3) != nil)
    }
}
