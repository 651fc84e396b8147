import DTrainCore
import DistributedTesting
import Foundation
import Testing

/// The output of a training and of `summary`.
@Suite(.serialized)
struct OutputTests {
    private static var lastBar: Regex<Substring> {
        /(?m)^13\/13 \[={30}\] - \d+:\d\d \d+ms\/step - loss: \d+\.\d{4} - \S+ chars\/s$/
    }

    @Test func summaryListsTheTutorialsModel() throws {
        let outcome = try Bench().run("summary")
        #expect(outcome.status == 0, "\(outcome)")
        for layer in [
            /embedding \(Embedding\) +\(None, None, 256\) +16,896\n/, /gru \(GRU\) +\(None, None, 1024\) +3,938,304\n/,
            /dense \(Dense\) +\(None, None, 66\) +67,650\n/, /Total params: 4,022,850\b/,
        ] { #expect(outcome.stdout.contains(layer), "\(outcome)") }
    }

    @Test func summaryListsACheckpointsModel() throws {
        let bench = try Bench()
        try bench.train("--epochs 1 --layers 2 --cell lstm")
        let outcome = try bench.run("summary --checkpoint training_checkpoints")
        #expect(outcome.status == 0, "\(outcome)")
        // 4 gates of (inputs + units + 1) weights for each of 16 units.
        for layer in [
            /lstm \(LSTM\) +\(8, 10, 16\) +1,600\n/, /lstm_1 \(LSTM\) +\(8, 10, 16\) +2,112\n/, /Total params: 4,462\b/,
        ] { #expect(outcome.stdout.contains(layer), "\(outcome)") }
    }

    @Test func summaryListsASimpleRNN() throws {
        let outcome = try Bench().run(
            "summary --cell rnn --layers 2 --embedding-dim 8 --rnn-units 16 --vocabulary-size 10")
        #expect(outcome.status == 0, "\(outcome)")
        // inputs + units + 1 weights for each of 16 units.
        for layer in [
            /simple_rnn \(SimpleRNN\) +\(None, None, 16\) +400\n/,
            /simple_rnn_1 \(SimpleRNN\) +\(None, None, 16\) +528\n/,
        ] { #expect(outcome.stdout.contains(layer), "\(outcome)") }
    }

    @Test(arguments: [Launch.alone] + (MPIRun.isAvailable ? [.ranks(3)] : []))
    func withoutATerminalTrainingPrintsPlainLinesOnce(launch: Launch) throws {
        let outcome = try Bench().train(on: launch)
        let size = Bench.vocabularySize
        #expect(!outcome.stdout.contains("\r"), "\(outcome)")
        #expect(!outcome.stdout.contains("\u{1B}"), "\(outcome)")
        func count(_ text: String) -> Int { outcome.stdout.components(separatedBy: text).count - 1 }
        #expect(count("output shape (8, 10, \(size))") == 1, "\(outcome)")
        // (inputs + units + two biases) x 3 gates x 16 units.
        let gru = 3 * 16 * (8 + 16 + 2)
        #expect(gru == 1248)
        #expect(outcome.stdout.contains(/gru \(GRU\) +\(8, 10, 16\) +1,248\n/))
        #expect(size * 8 + gru + 17 * size == 1998)
        #expect(count("Total params: 1,998 ") == 1, "\(outcome)")
        let order = ["Total params", "untrained mean loss", "Epoch 1/2\n", "13/13 [", "Epoch 2/2\n"]
        let places = try order.map { try #require(outcome.stdout.range(of: $0), "\($0) of \(outcome)").lowerBound }
        #expect(places == places.sorted())
        #expect(order.dropFirst().map(count) == [1, 1, 2, 1], "\(outcome)")
        #expect(outcome.stdout.matches(of: Self.lastBar).count == 2, "\(outcome)")
        #expect(
            outcome.stderr.components(separatedBy: "warning").count - 1 == (launch.isOversubscribed ? 1 : 0),
            "\(outcome)")
    }

    /// One rank more than cores, on machines with few cores.
    @Test(.enabled(if: MPIRun.isAvailable && Launch.cores < 8, "no mpirun, or too many cores"))
    func moreRanksThanCoresCauseOneWarning() throws {
        let outcome = try Bench().train("--max-steps 2", on: .ranks(Launch.cores + 1))
        let warnings = outcome.stderr.split(separator: "\n").filter { $0.contains("slower than one rank per core") }
        #expect(warnings.count == 1, "\(outcome)")
        #expect(warnings[0].contains("\(Launch.cores + 1) ranks share the \(Launch.cores) core"), "\(outcome)")
        #expect(warnings[0].contains("start \(Launch.cores) there"), "\(outcome)")
    }

    @Test(arguments: ["", "--quiet"])
    func stoppingWithinAnEpochPrintsTheMeanLoss(flags: String) throws {
        let bench = try Bench()
        let outcome = try bench.train("--max-steps 5 --metrics metrics.jsonl \(flags)")
        let losses = try Metrics(bench.read("metrics.jsonl")).losses
        let line = /\ 5\/13 \[=+>\.+\] - \d+:\d\d \d+ms\/step - loss: (\d+\.\d{4}) - \S+ chars\/s\n/
        let shown = try #require(try line.firstMatch(in: outcome.stdout), "\(outcome)")
        let loss = try #require(Double(shown.1))
        let mean: Double = losses.reduce(0, +) / 5
        #expect(abs(loss - mean) <= 5.1e-5)
    }

    @Test(.enabled(if: MPIRun.hasTerminal, "script (util-linux) isn't installed"), arguments: Launch.each)
    func saveMessagesStartOnTheirOwnLines(launch: Launch) throws {
        let bench = try Bench()
        try bench.write(String(repeating: Bench.text, count: 20), to: "text.txt")
        let flags = "--epochs 1 --rnn-units 256 --checkpoint-every-steps 50"
        let saved = try MPIRun.onTerminal(try command(launch, flags), folder: bench.folder)
        #expect(saved.status == 0, "\(saved)")
        #expect(saved.stdout.contains("ETA"), "\(saved)")
        #expect(saved.stdout.components(separatedBy: "saved ").count - 1 == 6, "\(saved)")
        // The final content of each terminal line.
        for line in saved.stdout.split(whereSeparator: \.isNewline) where line.contains("saved ") {
            #expect(line.hasPrefix("saved "), "\(line)")
        }
    }

    @Test(.enabled(if: MPIRun.hasTerminal, "script (util-linux) isn't installed"))
    func anErrorStartsOnItsOwnLine() throws {
        let bench = try Bench()
        try bench.write(String(repeating: Bench.text, count: 20), to: "text.txt")
        // The reader of the metrics exits halfway.
        let outcome = try MPIRun.onTerminal(
            "mkfifo pipe; head -n 150 pipe >/dev/null & "
                + (try command(.alone, "--epochs 1 --rnn-units 256 --metrics pipe")), folder: bench.folder)
        #expect(outcome.status == 74, "\(outcome)")
        #expect(outcome.stdout.contains("ETA"), "\(outcome)")
        #expect(
            outcome.stdout.split(whereSeparator: \.isNewline).contains { $0.hasPrefix("error: cannot write metrics") },
            "\(outcome)")
    }

    @Test func untrainedLossIsNearTheLogarithmOfTheVocabulary() throws {
        let outcome = try Bench().train("--max-steps 1")
        let line = /untrained mean loss (\d+\.\d{4}), ln\(vocabulary\) (\d+\.\d{4})\n/
        let match = try #require(try line.firstMatch(in: outcome.stdout), "\(outcome)")
        let uniformLoss = log(Double(Bench.vocabularySize))
        #expect(try abs(#require(Double(match.2)) - uniformLoss) <= 5e-5)
        #expect(try abs(#require(Double(match.1)) - uniformLoss) < 0.1 * uniformLoss)
    }

    @Test(.enabled(if: MPIRun.hasTerminal, "script (util-linux) isn't installed"), arguments: Launch.each)
    func aTerminalShowsAMovingProgressBar(launch: Launch) throws {
        let bench = try Bench()
        try bench.write(String(repeating: Bench.text, count: 20), to: "text.txt")
        let outcome = try MPIRun.onTerminal(try command(launch, "--epochs 1 --rnn-units 256"), folder: bench.folder)
        #expect(outcome.status == 0, "\(outcome)")
        #expect(
            outcome.stdout.contains(
                /\r +\d+\/268 \[=*>\.+\] - ETA: \d+:\d\d - loss: \d+\.\d{4} - \S+ chars\/s\u{1B}\[K/),
            "\(outcome)")
        #expect(
            outcome.stdout.contains(
                /\r268\/268 \[=+\] - \d+:\d\d \d+ms\/step - loss: \d+\.\d{4} - \S+ chars\/s\u{1B}\[K/), "\(outcome)")
        let header = outcome.stdout.components(separatedBy: "Total params").count - 1
        #expect(header == 1, "\(outcome)")
    }

    /// `stty` sets the window size.
    @Test(
        .enabled(if: MPIRun.hasTerminal, "script (util-linux) isn't installed"), arguments: Launch.each, [40, 60, 120])
    func theBarFitsTheWindow(launch: Launch, columns: Int) throws {
        let bench = try Bench()
        try bench.write(String(repeating: Bench.text, count: 20), to: "text.txt")
        let flags = "--epochs 1 --rnn-units 256 --validation-split 0.1 --validate-every-steps 60"
        let outcome = try MPIRun.onTerminal(
            "stty cols \(columns); \(try command(launch, flags))", folder: bench.folder)
        #expect(outcome.status == 0, "\(outcome)")
        let bars = outcome.stdout.split(whereSeparator: { $0.isNewline || $0 == "\r" }).filter {
            $0.contains(" - ETA: ")
        }
        #expect(!bars.isEmpty, "\(outcome)")
        for bar in bars {
            let shown = bar.replacing("\u{1B}[K", with: "")
            #expect(shown.count < columns && shown.contains(" - loss: "), "\(shown)")
            #expect(shown.contains("[") == (columns > 40) && shown.contains("chars/s") == (columns == 120), "\(shown)")
        }
        #expect(bars.contains { $0.contains("val_loss") } == (columns == 120), "\(outcome)")
    }

    @Test func aSaveIsReportedBeforeTheNextEpoch() throws {
        let outcome = try Bench().train("--epochs 3 --checkpoint-every-steps 5")
        let lines = outcome.stdout.split(separator: "\n").filter { $0.hasPrefix("saved ") || $0.hasPrefix("Epoch ") }
        for epoch in 1...2 {
            let saved = "saved training_checkpoints/ckpt_\(epoch).safetensors (epoch \(epoch))"
            let (before, after) = (lines.firstIndex { $0 == saved }, lines.firstIndex { $0 == "Epoch \(epoch + 1)/3" })
            #expect(try #require(before, "\(outcome)") < #require(after, "\(outcome)"))
        }
        #expect(lines.contains("saved training_checkpoints/ckpt_2_7.safetensors (epoch 2, step 20)"), "\(outcome)")
    }

    @Test func aFinishedTrainingPrintsResultsAndSuggestions() throws {
        let bench = try Bench()
        let flags = "--validation-split 0.2 --learning-rate 0.01"
        let outcome = try bench.train(flags)
        let lines = outcome.stdout.split(separator: "\n").map(String.init)
        #expect(
            lines.contains { $0.contains(/^trained to epoch 2: 20 steps in \d+:\d\d, \S+ chars\/s$/) }, "\(outcome)")
        let result = try #require(lines.first { $0.hasPrefix("loss ") }, "\(outcome)")
        let epochs = try Checkpoint(path: bench.path("training_checkpoints/ckpt_2.safetensors")).metadata.progress
        let loss = try #require(epochs?.epochLosses.last)
        let heldOut = try #require(epochs?.validation?.epochLosses.last)
        #expect(result.hasPrefix("loss \(fourDecimals(loss)), held out \(fourDecimals(heldOut))"), "\(result)")
        let command = try #require(lines.first { $0.hasPrefix("try: dtrain generate ") }, "\(outcome)")
        #expect(
            command == "try: dtrain generate --checkpoint training_checkpoints --best --prompt 'the quick brown fox'")
        // The suggested command works.
        let text = try MPIRun.shell(
            command.replacing("try: dtrain", with: "'\(try MPIRun.find("dtrain"))'"), folder: bench.folder)
        #expect(text.status == 0 && text.stdout.hasPrefix("the quick brown fox"), "\(text)")

        #expect(try !bench.train("\(flags) --overwrite --quiet").stdout.contains("try:"))
        let short = try bench.train("\(flags) --overwrite --max-steps 3").stdout
        #expect(short.contains("try: dtrain generate") && !short.contains("--validation-split 0.1"), "\(short)")
        #expect(try bench.train("--overwrite --max-steps 3").stdout.contains("try: --validation-split 0.1"))
    }

    @Test(arguments: Launch.each)
    func aSampleIsPrintedAfterEachEpoch(launch: Launch) throws {
        let bench = try Bench()
        let outcome = try bench.train("--sample the --seed 7 --quiet", on: launch)
        try bench.train("--seed 7 --checkpoint-dir plain")
        for epoch in 1...2 {
            let file = "ckpt_\(epoch).safetensors"
            #expect(
                try bench.read("training_checkpoints/\(file)") == bench.read("plain/\(file)"),
                "sampling must not change the weights")
            let text = try bench.run("generate --checkpoint plain/\(file) --prompt the --length 200 --seed 7").stdout
            #expect(text.hasPrefix("the") && text.count == 204)
            #expect(outcome.stdout.contains("--- epoch \(epoch) ---\n\(text)---\n"), "\(outcome)")
        }
        #expect(outcome.stdout.components(separatedBy: "--- epoch").count == 3, "\(outcome)")
        let other = try bench.tryToTrain("--overwrite --sample thé", on: launch)
        #expect(other.status == 64, "\(other)")
        #expect(
            other.stderr.contains("the vocabulary lacks a character of --sample, \"é\" (U+E9); leave it out"),
            "\(other)")
        #expect(bench.exists("training_checkpoints/ckpt_2.safetensors"), "the checkpoints must be kept")
    }

    private func fourDecimals(_ value: Double) -> String { String(format: "%.4f", value) }

    @Test(.enabled(if: MPIRun.hasTerminal, "script (util-linux) isn't installed"))
    func colorIsOmittedWithoutATerminalOrOnRequest() throws {
        let bench = try Bench()
        let program = "'\(try MPIRun.find("dtrain"))' train --data none.txt"
        let colored = try MPIRun.onTerminal("NO_COLOR= TERM=xterm \(program)", folder: bench.folder)
        #expect(colored.stdout.contains("\u{1B}[1;31merror:\u{1B}[0m cannot open "), "\(colored)")
        for variable in ["NO_COLOR=1 TERM=xterm", "TERM=dumb"] {
            let plain = try MPIRun.onTerminal("\(variable) \(program)", folder: bench.folder)
            #expect(plain.stdout.contains("error: cannot ") && !plain.stdout.contains("\u{1B}["), "\(plain)")
        }
        #expect(try !MPIRun.shell("NO_COLOR= TERM=xterm \(program)", folder: bench.folder).stderr.contains("\u{1B}"))
    }

    @Test func symbolsFollowTheLocale() throws {
        let bench = try Bench()
        func ranks(_ locale: [String: String]) throws -> String {
            let environment = ["LC_ALL": "", "LC_CTYPE": "", "LANG": ""].merging(locale) { $1 }
            let outcome = try bench.run(Bench.train("--max-steps 1 --overwrite --threads 1"), environment: environment)
            return outcome.stdout.split(separator: "\n").first { $0.contains("1 thread") }.map(String.init) ?? ""
        }
        #expect(try ranks(["LANG": "en_GB.UTF-8"]).hasPrefix("1 process × 1 thread, "))
        #expect(try ranks(["LC_ALL": "C", "LANG": "en_GB.UTF-8"]).hasPrefix("1 process x 1 thread, "))
        #expect(try ranks([:]).hasPrefix("1 process x 1 thread, "))
    }

    /// Open MPI gives rank 0 a pseudo-terminal even if its output is redirected.
    @Test(.enabled(if: MPIRun.hasTerminal, "script (util-linux) isn't installed"), arguments: Launch.each)
    func redirectedOutputHasNoMovingBar(launch: Launch) throws {
        let bench = try Bench()
        let outcome = try MPIRun.onTerminal("\(try command(launch, "--epochs 1")) >out.txt", folder: bench.folder)
        #expect(outcome.status == 0, "\(outcome)")
        let text = String(decoding: try bench.read("out.txt"), as: UTF8.self)
        #expect(text.contains(Self.lastBar), "\(text)")
        #expect(!text.contains("\r") && !text.contains("\u{1B}"), "\(text)")
    }

    @Test(.enabled(if: MPIRun.hasTerminal, "script (util-linux) isn't installed"))
    func quietShowsNoMovingBar() throws {
        let bench = try Bench()
        try bench.write(String(repeating: Bench.text, count: 20), to: "text.txt")
        let outcome = try MPIRun.onTerminal(
            try command(.alone, "--epochs 1 --rnn-units 256 --quiet"), folder: bench.folder)
        #expect(outcome.status == 0, "\(outcome)")
        #expect(!outcome.stdout.contains("ETA"), "\(outcome)")
        #expect(outcome.stdout.contains("268/268 ["), "\(outcome)")
    }

    @Test func trainingContinuesAfterItsOutputIsClosed() throws {
        let bench = try Bench()
        let outcome = try MPIRun.shell("{ \(try command(.alone, "")); echo $? >status; } | true", folder: bench.folder)
        #expect(outcome.status == 0, "\(outcome)")
        #expect(try bench.read("status") == Data("0\n".utf8))
        #expect(bench.exists("training_checkpoints/ckpt_2.safetensors"))
    }

    private func command(_ launch: Launch, _ flags: String) throws -> String {
        let program = "'\(try MPIRun.find("dtrain"))' \(Bench.train(flags))"
        return switch launch {
        case .alone: program
        case .ranks(let count): (MPIRun.command + ["-np \(count) \(program)"]).joined(separator: " ")
        }
    }
}
