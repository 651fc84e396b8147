import DTrainCore
import DistributedTesting
import Foundation
import Testing

@testable import Reports

/// The search for a run's files, and its tables, verdicts and pages.
@Suite struct RunTests {
    private let scratch: ScratchFolder

    init() throws { scratch = try ScratchFolder() }

    private func files(_ word: String) throws -> (name: String, metrics: String?, folder: String?) {
        let found = try RunFiles(word)
        func short(_ path: String?) -> String? {
            path.map { $0.replacingOccurrences(of: scratch.path + "/", with: "") }
        }
        return (found.name, short(found.metrics), short(found.folder))
    }

    @Test func metricsAndCheckpointsAreFoundFromEachOther() throws {
        for name in [
            "a.jsonl", "a/ckpt_1.safetensors", "b/ckpt_best.safetensors", "b/m.jsonl", "c/ckpt_2.safetensors",
            "c/x.jsonl", "c/y.jsonl",
        ] {
            try scratch.write("", to: name)
        }
        let a = try files(scratch.file("a.jsonl"))
        #expect(a.name == "a" && a.metrics == "a.jsonl" && a.folder == "a")
        let folder = try files(scratch.file("a") + "/")
        #expect(folder.name == "a" && folder.metrics == "a.jsonl" && folder.folder == "a/")
        let b = try files("mine=" + scratch.file("b/m.jsonl"))
        #expect(b.name == "mine" && b.metrics == "b/m.jsonl" && b.folder == "b")
        #expect(try files(scratch.file("b")).metrics == "b/m.jsonl")
        // The choice between two files is ambiguous.
        let c = try files(scratch.file("c"))
        #expect(c.metrics == nil && c.folder == "c")
        #expect(try files(scratch.file("c/x.jsonl")).folder == nil)
    }

    @Test func missingRunsAreRejected() throws {
        try scratch.write("", to: "empty/other.txt")
        for word in ["nowhere", "x=nowhere", scratch.file("empty")] {
            let error = try #require(throws: DTrainError.self) { try RunFiles(word) }
            #expect(error.category == .noInput && !error.message.contains("\n"), "\(error)")
        }
    }

    private func runs(_ names: [String]) throws -> [Run] {
        try Run.all(
            names.enumerated().map { index, name in
                let path = try scratch.write(
                    SampleRun.metrics(epochs: 4 - index, offset: 0.5 * Double(index), profile: index == 0),
                    to: "\(index)/run.jsonl")
                return name.isEmpty ? path : "\(name)=\(path)"
            })
    }

    @Test func runsOfTheSameNameGetDistinctNames() throws {
        let found = try runs(["", ""])
        #expect(found.map(\.name) == [scratch.file("0/run.jsonl"), scratch.file("1/run.jsonl")])
        let same = try Run.all([scratch.file("0/run.jsonl"), scratch.file("0/run.jsonl")])
        #expect(Set(same.map(\.name)).count == 2)
    }

    @Test func aTableHasOneColumnPerRun() throws {
        let table = RunTables(try runs(["one", "two"])).results
        #expect(table.header == ["", "one", "two"])
        #expect(
            table.rows == [
                ["epochs", "4", "3"], ["steps", "20", "15"], ["train loss, last epoch", "2.000", "3.000"],
                ["lowest held-out loss", "3.000", "3.500"], ["epoch of lowest loss", "2", "2"],
                ["last held-out loss", "3.500", "3.750"], ["speed, k characters/s", "3.20", "3.20"],
                ["time in steps, s", "40.0", "30.0"], ["time in held-out evaluation, s", "4.00", "3.00"],
            ])
    }

    @Test func aTrainingWithoutAnEpochShowsItsLastStepsLoss() throws {
        let begun = try Run(scratch.write("{\"step\":1,\"loss\":3}\n{\"step\":2,\"loss\":2}\n", to: "begun.jsonl"))
        #expect(RunTables([begun]).results.rows == [["steps", "2"], ["train loss, last step", "2.000"]])
    }

    @Test func verdictsDescribeTheLossCurves() throws {
        let both = try runs(["one", "two"])
        #expect(RunVerdict.text(both) == "“one” has the lowest held-out loss, 3.000 in epoch 2, 0.500 below the next.")
        #expect(
            RunVerdict.text([both[0]]).contains("lowest in epoch 2, 3.000, and 3.500 at the end: the model overfits"))
        let rising = try Run(scratch.write(SampleRun.metrics(epochs: 2), to: "short.jsonl"))
        #expect(RunVerdict.text([rising]).contains("lowest at the end, 3.000 after 2 epochs"))
        let plain = try Run(
            scratch.write("{\"epoch\":1,\"epoch_loss\":2}\n{\"epoch\":2,\"epoch_loss\":1.5}\n", to: "plain.jsonl"))
        #expect(RunVerdict.text([plain]).contains("from 2.000 to 1.500 in 2 epochs; nothing was held out"))
    }

    /// With more values than plotted points, the table shows exact losses and not a point's mean.
    @Test func longTrainingsHaveExactLosses() throws {
        let lines = (1...1300).map { epoch in
            "{\"step\":\(epoch),\"epoch\":\(epoch),\"loss\":2}\n{\"epoch\":\(epoch),\"epoch_loss\":\(epoch == 1 ? 9 : epoch == 1300 ? 1 : 2)}\n"
        }
        let run = try Run(scratch.write(lines.joined(), to: "long.jsonl"))
        #expect(RunVerdict.text([run]).contains("from 9.000 to 1.000 in 1,300 epochs"))
        #expect(RunTables([run]).results.rows.contains(["train loss, last epoch", "1.000"]))
        #expect(RunReport.html([run], samples: [[]]).contains("A point is the mean of up to 4 epochs."))
    }

    @Test func aPageHasAllPartsAndEscapesNames() throws {
        let runs = try runs(["<b>one", "two"])
        let sample = SampleText(file: "ckpt_1.safetensors", epoch: 1, step: 5, prompt: "\n", text: "<script>x</script>")
        let page = RunReport.html(runs, samples: [[sample], []])
        for title in [
            "Loss by epoch", "Training loss", "Learning rate", "Gradient norm", "Speed", "The parts of a step",
            "Steps and held-out evaluation",
        ] {
            #expect(page.contains("<h3>\(title)"), "\(title)")
        }
        #expect(page.contains("&lt;b&gt;one") && page.contains("&lt;script&gt;x&lt;/script&gt;"))
        #expect(!page.contains("<b>one") && !page.contains("<script"))
        // Backward takes 1 of 3 seconds.
        #expect(page.contains("<title>backward: 1.00 s</title>"))
        #expect(page.contains("<td class=\"text\">4</td><td>2.000</td><td>3.500</td><td></td><td></td>"))
    }

    @Test func aPictureRequiresAFinishedEpoch() throws {
        #expect(try RunReport.picture(runs(["one", "two"])).contains("one: held out"))
        let begun = try Run(scratch.write("{\"step\":1,\"loss\":2}\n", to: "begun.jsonl"))
        #expect(throws: DTrainError.self) { try RunReport.picture([begun]) }
        #expect(RunReport.html([begun], samples: [[]]).contains("No epoch is finished yet."))
    }

    @Test func missingPartsAreExplained() throws {
        let begun = try Run(scratch.write("{\"step\":1,\"loss\":2}\n", to: "begun.jsonl"))
        let page = RunReport.html([begun], samples: [[]])
        #expect(page.contains("<p>No sample texts: no readable checkpoint was found, or --length is 0.</p>"))
        #expect(page.contains("<p>No checkpoint was found; settings are read from checkpoints.</p>"))
        let once = try Run(scratch.write("{\"epoch\":1,\"epoch_loss\":2}\n", to: "once.jsonl"))
        #expect(RunVerdict.text([once]) == "Only one epoch is finished.")
    }

    @Test func chosenCheckpointsAreEvenlySpread() {
        #expect(Run.spread(Array(1...20), most: 4) == [1, 7, 13, 20])
        #expect(Run.spread([1, 2], most: 8) == [1, 2] && Run.spread([1, 2, 3], most: 1) == [3])
        #expect(Run.spread([1], most: 0).isEmpty)
    }
}
