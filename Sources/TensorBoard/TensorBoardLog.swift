import DTrainCore
import DTrainDistributed
import FoundationEssentials
import Glibc
import SwiftProtobuf

/// Event files of a training for TensorBoard: losses and other numbers by step, settings and sample
/// texts.
///
/// Numbers have the names of the metrics file. A point's step is the number of optimizer steps
/// before it.
package final class TensorBoardLog: TrainingLog {
    private let path: String
    private let settings: Settings
    private var writer: RetryingWriter
    /// Optimizer steps so far.
    private var step: Int
    private var hasWarned = false

    /// Opens a new event file in the folder of `tensorboard`; nil where the options name none.
    ///
    /// On a resume, a start event makes readers discard earlier points of the repeated steps.
    ///
    /// - Parameters:
    ///   - options: the options in force.
    ///   - predecessor: the relation of the training to earlier event files.
    /// - Throws: `DTrainError` with `usage` when the folder holds another training, `inputOutput`
    ///   when the file can't be created.
    package static func open(
        _ options: TrainingOptions, after predecessor: EarlierMetrics.Predecessor
    ) throws -> (any TrainingLog)? {
        guard let folder = options[.tensorboard] else { return nil }
        return try TensorBoardLog(EventFolder(path: folder), options.settings, after: predecessor)
    }

    /// Opens a new event file in a folder.
    init(
        _ folder: EventFolder, _ settings: Settings, after predecessor: EarlierMetrics.Predecessor,
        calls: FileCalls = .system
    ) throws {
        let created = try folder.createFile(after: predecessor)
        (path, self.settings) = (created.path, settings)
        writer = RetryingWriter(created.file, calls: calls)
        if case .saved(let progress) = predecessor { step = progress.step } else { step = 0 }
        let isResumed = if case .saved = predecessor { true } else { false }
        for event in [TensorBoardEvent.fileVersion, .start(step: isResumed ? step + 1 : 0)] {
            guard let code = try write(event) else { continue }
            // Otherwise the next start would find another training's events.
            unlink(path)
            throw DTrainError(
                .inputOutput, "cannot write to '\(path)': \(systemMessage(code))",
                hint: "free some space, or name another folder with `tensorboard`")
        }
    }

    package func record(_ event: TrainingEvent, report: (TrainingEvent) -> Void) throws {
        for event in try events(of: event) {
            guard let code = try write(event), !hasWarned else { continue }
            hasWarned = true
            report(
                .warning(
                    "cannot write events to '\(path)': \(systemMessage(code)); the training continues and retries after each "
                        + "step: free some space"))
        }
    }

    package var flush: @Sendable () -> Void { writer.flush }

    package func finish() throws {
        guard let code = writer.finish() else { return }
        throw DTrainError(
            .inputOutput,
            "cannot write events to '\(path)': \(systemMessage(code)); its last ones are missing, the training itself is "
                + "saved: free some space",
            hint: "resume from an earlier checkpoint with `resume-from` and `overwrite` if you need them")
    }

    /// Appends an event, and those that are still to be written.
    private func write(_ event: TensorBoardEvent) throws -> Int32? {
        writer.append(EventRecord.framed(try event.serializedBytes()))
    }

    private func events(of event: TrainingEvent) throws -> [TensorBoardEvent] {
        switch event {
        case .ready(let overview):
            let summary = SettingsSummary(overview, settings)
            return [
                .text(summary.table, tag: "settings", step: step),
                try .hyperparameters(summary.hyperparameters, step: step),
            ]
        case .step(let report):
            step = report.step
            return [.scalars(try Self.scalars(report), step: step)]
        case .validated(let report):
            return [.scalars([("validation_loss", report.loss)], step: report.step)]
        case .epochEnded(let report):
            let heldOut = report.validation.map { [("validation_loss", $0.loss)] } ?? []
            return [.scalars([("epoch_loss", report.loss)] + heldOut, step: step)]
        case .sampled(let text, epoch: _):
            return [.text(Markdown.verbatim(text), tag: "sample", step: step)]
        default: return []
        }
    }

    private static func scalars(_ report: StepReport) throws -> [(tag: String, value: Double)] {
        let all = [
            ("loss", Double(report.loss)), ("gradient_norm", report.gradientNorm),
            ("learning_rate", report.learningRate), ("tokens_per_second", Double(report.tokens) / report.seconds),
        ]
        guard let profile = report.profile else { return all }
        return all + [("hidden_exchange", profile.hiddenExchange)] + (try parts(profile))
    }

    /// The parts of a step, by their names in the metrics file.
    private static func parts(_ profile: StepProfile) throws -> [(tag: String, value: Double)] {
        let parts = try JSONDecoder().decode([String: Double].self, from: JSONEncoder().encode(profile))
        return parts.sorted { $0.key < $1.key }.map { ("profile/\($0.key)", $0.value) }
    }
}
