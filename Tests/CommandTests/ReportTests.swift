import DistributedTesting
import Foundation
import Testing

/// `report`, `compare` and `inspect` on finished trainings.
@Suite(.serialized)
struct ReportTests {
    private let bench: Bench

    init() throws {
        bench = try Bench()
        try bench.train("--metrics one.jsonl --checkpoint-dir one --validation-split 0.2 --profile --quiet")
        try bench.train(
            "--metrics two.jsonl --checkpoint-dir two --validation-split 0.2 --learning-rate 0.01 --seed 7 --epochs 3 --quiet"
        )
    }

    private func page(_ name: String) throws -> String { String(decoding: try bench.read(name), as: UTF8.self) }

    private func losses(_ name: String) throws -> (train: Double, heldOut: Double) {
        let metrics = try Metrics(bench.read(name))
        return (try #require(metrics.epochLosses.last), try #require(metrics.validationLosses.min()))
    }

    @Test func comparePrintsATableOfTrainings() throws {
        let outcome = try bench.run("compare one.jsonl second=two")
        #expect(outcome.status == 0 && outcome.stderr.isEmpty, "\(outcome)")
        let lines = outcome.stdout.split(separator: "\n").map { $0.split(separator: " ").map(String.init) }
        func row(_ name: String) throws -> [String] {
            let words = Bench.words(name)
            return try Array(
                #require(lines.first { Array($0.prefix(words.count)) == words }, "\(outcome)").dropFirst(words.count))
        }
        #expect(lines.first == ["one", "second"])
        #expect(try row("epochs") == ["2", "3"])
        let (one, two) = (try losses("one.jsonl"), try losses("two.jsonl"))
        #expect(
            try row("train loss, last epoch") == [String(format: "%.3f", one.train), String(format: "%.3f", two.train)])
        #expect(
            try row("lowest held-out loss") == [
                String(format: "%.3f", one.heldOut), String(format: "%.3f", two.heldOut),
            ])
        #expect(try row("learning-rate") == ["0.001", "0.01"] && row("seed") == ["42", "7"])
        // Equal settings aren't listed.
        #expect(!outcome.stdout.contains("rnn-units"))
    }

    @Test func aReportShowsBothTrainings() throws {
        let outcome = try bench.run(
            "report a<b=one two --output pages/report.html --length 30 --prompt the --checkpoints 2")
        #expect(outcome.status == 0 && outcome.stdout == "pages/report.html\n" && outcome.stderr.isEmpty, "\(outcome)")
        let page = try page("pages/report.html")
        for part in [
            "a&lt;b: held out", "two: train", "Learning rate", "The parts of a step", "<td class=\"text\">seed</td>",
        ] {
            #expect(page.contains(part), "\(part)")
        }
        #expect(!page.contains("a<b"))
        // The first, the last and the best checkpoint of each training.
        for name in ["ckpt_1.safetensors", "ckpt_2.safetensors", "ckpt_3.safetensors", "ckpt_best.safetensors"] {
            #expect(page.contains("<h3>\(name), after "), "\(name)")
        }
        #expect(page.components(separatedBy: "<pre><b>the</b>").count == 7)
        let sample = try bench.run("generate --checkpoint one/ckpt_1.safetensors --length 30", ["--prompt", "the"])
        let text = sample.stdout.dropFirst(3).dropLast()
        #expect(page.contains("<pre><b>the</b>\(text)</pre>"), "\(text)")
    }

    @Test func checkpointsOrMetricsAloneAreEnough() throws {
        try FileManager.default.removeItem(atPath: bench.path("one.jsonl"))
        try Data("damaged".utf8).write(to: URL(fileURLWithPath: bench.path("one/ckpt_2.safetensors")))
        let outcome = try bench.run("report one --output one.html --length 10")
        #expect(outcome.status == 0, "\(outcome)")
        let warnings = outcome.stderr.split(separator: "\n")
        #expect(warnings.count == 1, "\(outcome)")
        #expect(
            warnings.first?.hasPrefix("warning: ") == true && warnings.first?.contains("ckpt_2.safetensors") == true)
        let page = try page("one.html")
        #expect(page.contains("<h3>Loss by epoch") && page.contains("No metrics file was found"))
        let metricsOnly = try bench.run("compare two.jsonl")
        #expect(metricsOnly.status == 0 && metricsOnly.stdout.contains("learning-rate"), "\(metricsOnly)")
    }

    /// A checkpoint folder and a metrics file of the same name may belong to different trainings.
    @Test func metricsOfAnotherTrainingAreIgnored() throws {
        try FileManager.default.removeItem(atPath: bench.path("one.jsonl"))
        try FileManager.default.copyItem(atPath: bench.path("two.jsonl"), toPath: bench.path("one.jsonl"))
        let outcome = try bench.run("compare one")
        #expect(
            outcome.status == 0
                && outcome.stderr.contains("belong to different runs (their losses of epoch 1 differ)"), "\(outcome)")
        #expect(!outcome.stdout.contains("speed"), "\(outcome)")
    }

    /// A folder may hold unrelated files with the extension of metrics.
    @Test(arguments: ["hello\n", ""])
    func unrelatedFilesInAFolderAreSkipped(text: String) throws {
        try FileManager.default.removeItem(atPath: bench.path("one.jsonl"))
        try bench.write(text, to: "one/notes.jsonl")
        let outcome = try bench.run("compare one")
        #expect(outcome.status == 0 && outcome.stdout.contains("lowest held-out loss"), "\(outcome)")
        #expect(
            outcome.stderr.hasPrefix("warning: skipped: 'one/notes.jsonl' holds no metrics")
                && outcome.stderr.split(separator: "\n").count == 1, "\(outcome)")
        expectRejected(try bench.run("compare one/notes.jsonl"), 65, "holds no metrics")
    }

    @Test func theBestCheckpointReplacesDamagedOnes() throws {
        try FileManager.default.removeItem(atPath: bench.path("one.jsonl"))
        for epoch in 1...2 { try bench.write("damaged", to: "one/ckpt_\(epoch).safetensors") }
        let outcome = try bench.run("report one --output one.html --length 10")
        #expect(outcome.status == 0 && outcome.stderr.split(separator: "\n").count == 2, "\(outcome)")
        #expect(try page("one.html").components(separatedBy: "<pre><b>").count == 2)
        try bench.write("damaged", to: "one/ckpt_best.safetensors")
        expectRejected(try bench.run("compare one"), 65, "neither metrics nor a valid checkpoint")
    }

    /// For a training that ends inside an epoch, metrics and checkpoint report the same values.
    @Test func metricsAndCheckpointAgreeOnAPartialEpoch() throws {
        try bench.train(
            "--metrics part.jsonl --checkpoint-dir part --validation-split 0.2 --validate-every-steps 4 --max-steps 8 --quiet"
        )
        let both = try bench.run("compare part")
        let metrics = try Metrics(bench.read("part.jsonl"))
        #expect(metrics.epochLosses.isEmpty)
        try FileManager.default.removeItem(atPath: bench.path("part.jsonl"))
        let alone = try bench.run("compare part")
        for name in ["lowest held-out loss", "epoch of lowest loss", "last held-out loss"] {
            let lines = [both, alone].map { outcome in
                outcome.stdout.split(separator: "\n").first { $0.hasPrefix(name) }?.split(separator: " ").last
            }
            #expect(lines[0] != nil && lines[0] == lines[1], "\(name): \(both) \(alone)")
        }
        try bench.run("report part --output part.html --length 0")
        #expect(try page("part.html").contains("The held-out loss is lowest at the end"))
    }

    /// Some terminals support only ASCII.
    @Test func theTableFollowsTheLocale() throws {
        try FileManager.default.copyItem(atPath: bench.path("two.jsonl"), toPath: bench.path("lone.jsonl"))
        let outcome = try bench.run("compare one lone.jsonl", environment: ["LC_ALL": "C"])
        #expect(outcome.status == 0 && outcome.stdout.utf8.allSatisfy { $0 < 0x80 }, "\(outcome)")
        let line = outcome.stdout.split(separator: "\n").first { $0.hasPrefix("parameters") }
        #expect(line?.split(separator: " ").last == "-", "\(outcome)")
        let unicode = try bench.run("compare one lone.jsonl", environment: ["LC_ALL": "C.UTF-8"])
        #expect(unicode.stdout.contains("–"), "\(unicode)")
    }

    @Test func aReportCanBeAnSVGPicture() throws {
        let outcome = try bench.run("report one two --output losses.svg")
        #expect(outcome.status == 0 && outcome.stdout == "losses.svg\n", "\(outcome)")
        let picture = try page("losses.svg")
        #expect(picture.hasPrefix("<svg xmlns=") && picture.contains("two: held out") && picture.contains("polyline"))
    }

    @Test func invalidArgumentsAreRejected() throws {
        try bench.write("hello\n", to: "no.jsonl")
        expectRejected(try bench.run("compare nowhere"), 66, "'nowhere'")
        expectRejected(try bench.run("compare no.jsonl"), 65, "'no.jsonl' holds no metrics", "--metrics")
        expectRejected(try bench.run("compare"), 64, "<run>")
        expectRejected(try bench.run("report one --output report.pdf"), 64, "neither .html nor .svg")
        expectRejected(try bench.run("report one"), 64, "--output")
        expectRejected(try bench.run("report one --output r.html --prompt QQ"), 64, "lacks")
        expectRejected(
            try bench.run("report 1=one 2=one 3=one 4=one 5=one 6=one 7=one 8=one 9=one --output r.html"), 64,
            "at most 8 runs, not 9")
        expectRejected(
            try bench.run("inspect --checkpoint one --data text.txt --output r.html --limit 1"), 64, "--limit 1")
        expectRejected(try bench.run("inspect --checkpoint one --data nowhere --output r.html"), 66, "nowhere")
        try FileManager.default.createDirectory(atPath: bench.path("folder.html"), withIntermediateDirectories: true)
        expectRejected(try bench.run("report one --output folder.html --length 0"), 64, "'folder.html' is a folder")
        // Outputs are checked before any input is read.
        expectRejected(try bench.run("report nowhere --output folder.html"), 64, "'folder.html' is a folder")
        expectRejected(
            try bench.run("inspect --checkpoint nowhere --data text.txt --output folder.html"), 64,
            "'folder.html' is a folder")
        expectRejected(
            try bench.run("inspect --checkpoint one --data text.txt --output text.txt/a.html"), 74, "text.txt")
        expectRejected(
            try bench.run("inspect --checkpoint one --data text.txt", ["--output", ""]), 64, "--output is empty")
        #expect(!bench.exists("r.html"))
    }

    @Test(arguments: ["--prompt the", "--temperature 1", "--checkpoints 8", "--threads 1", "--length 0"])
    func flagsWithoutEffectAreRejected(flag: String) throws {
        let name = try #require(Bench.words(flag).first)
        expectRejected(
            try bench.run("report one --output losses.svg \(flag)"), 64, "\(name) has no effect with a picture (.svg)")
        guard name != "--length" else { return }
        expectRejected(
            try bench.run("report one --output r.html --length 0 \(flag)"), 64, "\(name) has no effect with --length 0")
    }

    @Test func invalidLinesCauseAWarning() throws {
        let lines = String(decoding: try bench.read("two.jsonl"), as: UTF8.self).split(separator: "\n").map(String.init)
        try bench.write((lines.prefix(3) + ["oops"] + lines.dropFirst(3)).joined(separator: "\n"), to: "bad.jsonl")
        let outcome = try bench.run("compare bad.jsonl")
        #expect(
            outcome.status == 0 && outcome.stderr.contains("warning: 'bad.jsonl': line 4 is left out"),
            "\(outcome)")
    }

    /// Inspects prose and C source up to the length limit.
    @Test(arguments: ["text.txt", "source.c"])
    func inspectShowsTheTextUpToTheLimit(name: String) throws {
        try bench.write(String(repeating: "int main(void) { return a[0] < 1 && \"x\"; }\n", count: 30), to: "source.c")
        let outcome = try bench.run("inspect --checkpoint two --data \(name) --output inspect.html --limit 400")
        #expect(outcome.status == 0 && outcome.stdout == "inspect.html\n", "\(outcome)")
        #expect(outcome.stderr.contains("the page shows the first 400 of 1,"), "\(outcome)")
        let page = try page("inspect.html")
        let text = try #require(
            page.components(separatedBy: "<pre id=\"text\"").last?.components(separatedBy: "</pre>").first)
        #expect(text.components(separatedBy: "<i ").count == 401)
        #expect(page.contains("<h3>Memory") && page.contains("<ol class=\"card passages\">"))
        #expect(!page.contains("return a[0] <"))
        guard name == "source.c" else { return }
        let known = Set(Bench.text)
        let unknown = String(decoding: try bench.read(name), as: UTF8.self).prefix(400).count { !known.contains($0) }
        #expect(
            outcome.stderr.contains(
                "\(unknown) characters of the first 400 of 'source.c' are not in the model's vocabulary: shown as [UNK]"
            ),
            "\(outcome)")
    }

    /// The mean surprisal equals the loss of `evaluate` with the whole text in one window.
    @Test func theMeanSurprisalIsTheEvaluatedLoss() throws {
        let short = String(Bench.text.prefix(60))
        try bench.write(short, to: "short.txt")
        try bench.run("inspect --checkpoint two --data short.txt --output inspect.html")
        let outcome = try bench.run("evaluate --checkpoint two --data short.txt --seq-length 100 --json")
        struct Report: Decodable { let bits_per_character: Double }
        let bits = try JSONDecoder().decode(Report.self, from: Data(outcome.stdout.utf8)).bits_per_character
        #expect(try page("inspect.html").contains("<b>\(String(format: "%.2f", bits)) bits</b>"), "\(bits)")
    }
}
