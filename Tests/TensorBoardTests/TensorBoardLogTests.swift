import DTrainCore
import DistributedTesting
import Foundation
import Synchronization
import Testing

@testable import DTrainDistributed
@testable import TensorBoard

/// Reads back the events of a training.
@Suite struct TensorBoardLogTests {
    private let scratch: ScratchFolder
    private var folder: EventFolder { EventFolder(path: scratch.file("events")) }

    init() throws { scratch = try ScratchFolder() }

    private func report(_ step: Int, profile: StepProfile? = nil) -> StepReport {
        StepReport(
            step: step, epoch: 1, stepInEpoch: step, stepsPerEpoch: 9, loss: 0.5 + Float(step), gradientNorm: 0.25,
            learningRate: 0.125, epochLoss: 1, seconds: 2, epochSeconds: 1, meanSeconds: 1, tokens: 96,
            profile: profile, gradientBytes: nil)
    }

    private func log(
        after predecessor: EarlierMetrics.Predecessor = .none, calls: FileCalls = .system
    ) throws -> TensorBoardLog {
        try TensorBoardLog(folder, Settings(), after: predecessor, calls: calls)
    }

    /// The files in readers' order.
    private func files() throws -> [EventFile] {
        let names = try FileManager.default.contentsOfDirectory(atPath: scratch.file("events")).sorted()
        return try names.map {
            try EventFile(Data(contentsOf: URL(fileURLWithPath: scratch.file("events/\($0)"))))
        }
    }

    private func validation(_ step: Int, _ loss: Double) -> ValidationReport {
        ValidationReport(step: step, epoch: 1, loss: loss, isBest: true, seconds: 1)
    }

    @Test func everyValueIsRecordedAtItsStep() throws {
        let log = try log()
        let epoch = EpochReport(
            epoch: 1, loss: 1.5, seconds: 1, validation: validation(2, 0.75), steps: 2, meanSeconds: 1,
            tokensPerSecond: 1)
        for event in [
            .step(report(1)), .validated(validation(1, 0.875)), .step(report(2)), .epochEnded(epoch),
            .sampled("to be\nor", epoch: 1), .notice("nothing to record"),
        ] as [TrainingEvent] {
            try log.record(event) { warning in Issue.record("\(warning)") }
        }
        // Each event is written at once.
        let file = try #require(try files().first)
        #expect(file.events.first?.fileVersion == "brain.Event:2")
        #expect(file.events.map(\.step) == [0, 0, 1, 1, 2, 2, 2])
        #expect(
            file.events[2].scalars
                == ["loss": 1.5, "gradient_norm": 0.25, "learning_rate": 0.125, "tokens_per_second": 48])
        #expect(file.points("loss").map(\.value) == [1.5, 2.5])
        #expect(file.points("validation_loss").map(\.value) == [0.875, 0.75])
        #expect(file.events[5].scalars == ["epoch_loss": 1.5, "validation_loss": 0.75])
        #expect(file.events[6].texts == ["sample": "    to be\n    or"])
        #expect(file.events[6].plugins["sample"]?.name == "text")
        let age = Date().timeIntervalSince1970 - file.events[6].wallTime
        #expect(age >= 0 && age < 600)
        try log.finish()
    }

    @Test func profilePartsHaveTheNamesOfTheMetrics() throws {
        let log = try log()
        var profile = StepProfile()
        (profile.weightGradient, profile.hiddenExchange) = (0.5, 0.25)
        try log.record(.step(report(1, profile: profile))) { _ in }
        let scalars = try #require(try files().first?.events.last?.scalars)
        #expect(scalars["profile/weight_gradient"] == 0.5 && scalars["hidden_exchange"] == 0.25)
        #expect(scalars.keys.count { $0.hasPrefix("profile/") } == profile.parts.count)
    }

    @Test func eachFileStartsASessionAtItsStep() throws {
        for predecessor in [.none, .saved(TrainingProgress(stepInEpoch: 4, step: 4)), .unsaved]
            as [EarlierMetrics.Predecessor]
        { try log(after: predecessor).record(.sampled("a", epoch: 1)) { _ in } }
        let files = try files()
        #expect(files.count == 3)
        // Each file's start event, at the steps so far.
        #expect(files.map { $0.events.first { $0.isStart }?.step } == [0, 5, 0])
        #expect(files.map { $0.texts("sample").map(\.step) } == [[0], [4], [0]])
    }

    @Test func settingsHaveTheirTypes() {
        #expect(SettingsSummary.value("0.001", isSwitch: false) == .with { $0.numberValue = 0.001 })
        #expect(SettingsSummary.value("off", isSwitch: false) == .with { $0.stringValue = "off" })
        #expect(SettingsSummary.value("nan", isSwitch: false) == .with { $0.stringValue = "nan" })
        #expect(SettingsSummary.value("true", isSwitch: true) == .with { $0.boolValue = true })
        #expect(SettingsSummary.value("false", isSwitch: true) == .with { $0.boolValue = false })
    }

    @Test func aFullDiskIsReportedOnceAndLosesNoEvents() throws {
        let room = Mutex(Int.max)
        var calls = FileCalls.system
        calls.write = { descriptor, bytes in
            let count = room.withLock { room in
                defer { room -= min(room, bytes.count) }
                return min(room, bytes.count)
            }
            guard count > 0 else {
                errno = ENOSPC
                return -1
            }
            return FileCalls.system.write(descriptor, UnsafeRawBufferPointer(rebasing: bytes.prefix(count)))
        }
        let log = try log(calls: calls)
        var warnings: [String] = []
        let collectWarning: (TrainingEvent) -> Void = { if case .warning(let text) = $0 { warnings.append(text) } }
        room.withLock { $0 = 10 }
        for step in 1...3 { try log.record(.step(report(step)), report: collectWarning) }
        #expect(warnings.count == 1 && warnings.first?.contains("No space left on device") == true, "\(warnings)")
        let error = try #require(throws: DTrainError.self) { try log.finish() }
        #expect(error.category == .inputOutput && error.message.contains("its last ones are missing"), "\(error)")
        // A reader detects the incomplete record.
        #expect(throws: EventFile.Damage.self) { try files() }
        room.withLock { $0 = Int.max }
        try log.record(.step(report(4)), report: collectWarning)
        try log.finish()
        #expect(try files().first?.points("loss").map(\.step) == [1, 2, 3, 4])
        // A failure at the start is an error, since no step would be lost.
        room.withLock { $0 = 10 }
        let full = try #require(throws: DTrainError.self) { _ = try self.log(after: .unsaved, calls: calls) }
        #expect(full.message.contains("No space left on device") && full.hint?.contains("`tensorboard`") == true)
    }
}
