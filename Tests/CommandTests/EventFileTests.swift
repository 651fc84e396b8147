import DTrainCore
import DistributedTesting
import Foundation
import Testing

/// The event files of `--tensorboard`.
@Suite(.serialized)
struct EventFileTests {
    private static let flags = "--tensorboard events --metrics metrics.jsonl --validation-split 0.1 --sample the"
    private let bench: Bench

    init() throws { bench = try Bench() }

    /// The files of a folder in TensorBoard's reading order.
    private func files(_ folder: String = "events") throws -> [EventFile] {
        try bench.names(in: folder).map { try EventFile(bench.read("\(folder)/\($0)")) }
    }

    /// The points of a tag that TensorBoard shows: a start event in a later file discards earlier
    /// points from its step on.
    private func shown(_ tag: String) throws -> [(step: Int, value: Float)] {
        try files().reduce(into: []) { points, file in
            let start = file.events.first { $0.isStart }?.step ?? 0
            points = points.filter { $0.step < start } + file.points(tag)
        }
    }

    @Test(arguments: Launch.each)
    func eventsMatchTheMetrics(launch: Launch) throws {
        let outcome = try bench.train(Self.flags, on: launch)
        try bench.train("--validation-split 0.1 --checkpoint-dir plain", on: launch)
        #expect(
            try bench.read("training_checkpoints/ckpt_2.safetensors") == bench.read("plain/ckpt_2.safetensors"),
            "writing events must not change the weights")
        let files = try files()
        try #require(files.count == 1, "only rank 0 writes events")
        let file = files[0]
        #expect(file.events.map(\.fileVersion).prefix(2) == ["brain.Event:2", nil])
        let metrics = try Metrics(bench.read("metrics.jsonl"))
        let steps = metrics.steps
        for (tag, values) in [
            ("loss", metrics.losses), ("gradient_norm", metrics.gradientNorms),
            ("learning_rate", metrics.learningRates),
        ] {
            #expect(file.points(tag).map(\.step) == steps, "\(tag)")
            #expect(file.points(tag).map(\.value) == values.map { Float($0) }, "\(tag)")
        }
        for (tag, values) in [("epoch_loss", metrics.epochLosses), ("validation_loss", metrics.validationLosses)] {
            #expect(file.points(tag).map(\.step) == [steps.count / 2, steps.count], "\(tag)")
            #expect(file.points(tag).map(\.value) == values.map { Float($0) }, "\(tag)")
        }
        #expect(file.points("tokens_per_second").allSatisfy { $0.value > 0 })
        let samples = file.texts("sample")
        #expect(samples.map(\.step) == [steps.count / 2, steps.count])
        for sample in samples {
            let text = sample.text.split(separator: "\n", omittingEmptySubsequences: false).map { $0.dropFirst(4) }
                .joined(separator: "\n")
            #expect(text.hasPrefix("the") && outcome.stdout.contains("---\n\(text)\n---"), "\(outcome)")
        }
    }

    @Test func eventsContainTheSettings() throws {
        try bench.train("\(Self.flags) --max-steps 2 --learning-rate 0.25 --no-shuffle")
        let file = try #require(try files().first)
        let settings = try #require(file.texts("settings").first)
        #expect(settings.step == 0)
        for row in [
            "| `learning-rate` | `0.25` |", "| `shuffle` | `false` |", "| `data` | `text.txt` |", "| `ranks` | `1` |",
            "| `vocabulary` | `\(Bench.vocabularySize)` |", "| `clip-norm` | `off` |",
        ] { #expect(settings.text.contains("\n\(row)"), "\(row): \(settings.text)") }
        let plugins = try #require(file.events.last { !$0.plugins.isEmpty }?.plugins)
        let start = try #require(plugins["_hparams_/session_start_info"])
        #expect(start.name == "hparams")
        let info = try #require(try WireMessage(start.content[...]).messages(3).first)
        let values = try info.messages(1).reduce(into: [:]) { $0[$1.text(1) ?? ""] = try $1.messages(2).first }
        #expect(values["learning-rate"]?.number(2) == 0.25.bitPattern)
        #expect(
            values["cell"]?.text(3) == "gru" && values["shuffle"]?.has(4) == true && values["shuffle"]?.number(4) == 0)
        #expect(values["checkpoint-dir"] == nil && values["epochs"]?.number(2) == 2.0.bitPattern)
    }

    /// As after a kill, the first file has steps beyond the newest checkpoint.
    @Test(arguments: Launch.each)
    func aResumedTrainingWritesANewFile(launch: Launch) throws {
        try bench.train("\(Self.flags) --checkpoint-every-steps 5 --max-steps 9", on: launch)
        try FileManager.default.removeItem(atPath: bench.path("training_checkpoints/ckpt_1_9.safetensors"))
        try bench.train("\(Self.flags) --resume", on: launch)
        let files = try files()
        #expect(files.count == 2)
        #expect(files[0].points("loss").map(\.step) == Array(1...9))
        #expect(files[1].events.filter(\.isStart).map(\.step) == [6])
        #expect(files[1].texts("settings").map(\.step) == [5])
        let metrics = try Metrics(bench.read("metrics.jsonl"))
        #expect(try shown("loss").map(\.step) == metrics.steps)
        #expect(try shown("loss").map(\.value) == metrics.losses.map { Float($0) })
        // A resume may use a different folder.
        try bench.train("\(Self.flags.replacing("events", with: "other")) --epochs 3 --resume", on: launch)
        #expect(try self.files().count == 2)
        #expect(try self.files("other").count == 1)
    }

    @Test func replacingAnotherTrainingsEventsNeedsOverwrite() throws {
        try bench.train("--tensorboard events --max-steps 3")
        let names = try bench.names(in: "events")
        let outcome = try bench.tryToTrain("--tensorboard events --max-steps 2 --checkpoint-dir other")
        expectRejected(outcome, 64, "folder 'events' of --tensorboard already holds the event files", "--overwrite")
        #expect(try bench.names(in: "events") == names && !bench.exists("other"))
        try bench.train("--tensorboard events --max-steps 2 --overwrite")
        #expect(try files().count == 1)
        #expect(try files().first?.points("loss").map(\.step) == [1, 2])
    }

    @Test(arguments: Launch.each)
    func invalidEventFoldersAreRejected(launch: Launch) throws {
        expectRejected(
            try bench.tryToTrain("--tensorboard text.txt", on: launch), 64, "--tensorboard 'text.txt' is a file",
            on: launch)
        #expect(!bench.exists("training_checkpoints"))
        let outcome = try bench.tryToTrain("--tensorboard /proc/self/events", on: launch)
        expectRejected(outcome, 74, "cannot create folder '/proc/self/events'", on: launch)
        #expect(!outcome.stdout.contains("Epoch"), "\(outcome)")
    }
}
