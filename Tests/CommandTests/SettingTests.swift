import DTrainCore
import DTrainDistributed
import Foundation
import Testing

/// The flags of the table of settings: one per entry, and their names in messages.
@Suite(.serialized)
struct SettingTests {
    private static let help = (try? Bench().run("train --help-all").stdout) ?? ""
    private static let otherHelp = ["generate", "export"].map { (try? Bench().run("\($0) --help-all").stdout) ?? "" }
        .joined()

    /// The library's sources without comments.
    private static let library: String = {
        ["Core", "Distributed"].flatMap { folder in
            let files = FileManager.default.enumerator(
                at: TypedPage.root.appendingPathComponent("Sources/\(folder)"), includingPropertiesForKeys: nil)
            return (files?.compactMap { $0 as? URL } ?? []).filter { $0.pathExtension == "swift" }
                .compactMap { try? String(contentsOf: $0, encoding: .utf8) }
        }.joined(separator: "\n").replacing(/(?m)^\s*\/\/.*$/, with: "")
    }()

    @Test func everySettingHasAFlagAndShowsItsDefault() throws {
        let text = Self.help.split { $0.isWhitespace }.joined(separator: " ")
        let flags = text.replacing("/--no-", with: " --no-")
        for setting in Settings.all {
            let part = try #require(
                flags.components(separatedBy: " --\(setting.name) ").dropFirst().first, "\(setting.name)")
            guard !setting.isSwitch else { continue }
            let own = part.components(separatedBy: " --")[0]
            #expect(own.contains("(default: \(setting.defaultText))"), "\(setting.name): \(own)")
        }
        #expect(text.contains("--shuffle/--no-shuffle Visit the sequences"))
    }

    @Test func libraryMessagesNameSettingsNotFlags() {
        #expect(Self.library.count > 100_000)
        // Launchers' flags are not settings.
        let own = Self.library.replacing(/'(mpirun|srun) [^']*'/, with: "")
        let flags = own.matches(of: /"[^"\n]*--[a-z]/).map { String($0.output) }
        #expect(flags == [])
        let names = Set(Self.library.matches(of: /`([a-z][a-z-]+)`/).map { String($0.output.1) })
        // Swift keywords, which are escaped with backticks.
        let keywords: Set = ["internal", "default"]
        #expect(names.count > 10)
        for name in names.subtracting(keywords) {
            #expect((Self.help + Self.otherHelp).contains("--\(name)"), "\(name)")
        }
    }

    @Test func fileNamesWithBackticksAreUnchanged() throws {
        let bench = try Bench()
        expectRejected(try bench.tryToTrain("--data a`b`c`"), 66, "'a`b`c`'")
        let used = try Bench()
        try used.train("--max-steps 1")
        expectRejected(
            try used.tryToTrain(), 64,
            "; continue from them with --resume, delete them with --overwrite, or name another folder")
    }

    @Test func resumingNeedsNoOtherFlags() throws {
        let bench = try Bench()
        try bench.train("--checkpoint-dir whole --learning-rate 0.01 --clip-norm 1 --seed 3 --no-shuffle --cell lstm")
        try bench.train("--max-steps 17 --learning-rate 0.01 --clip-norm 1 --seed 3 --no-shuffle --cell lstm")
        let outcome = try bench.run("train --data text.txt --resume")
        #expect(outcome.status == 0, "\(outcome)")
        #expect(!outcome.stderr.contains("changes from"), "\(outcome)")
        #expect(try bench.read("training_checkpoints/ckpt_2.safetensors") == bench.read("whole/ckpt_2.safetensors"))
    }

    @Test func theDefaultMicroBatchShrinksToTheBatch() throws {
        let bench = try Bench()
        let line = "train --data text.txt --rnn-units 16 --embedding-dim 8 --seq-length 10 --batch-size 4 --max-steps 1"
        let outcome = try bench.run(line)
        #expect(outcome.status == 0 && !outcome.stderr.contains("warning: "), "\(outcome)")
        let checkpoint = try Checkpoint(path: bench.path("training_checkpoints/ckpt_1_1.safetensors"))
        #expect(checkpoint.metadata.settings?[.microBatchSize] == 4)
    }

    @Test func aRecipeIsPrintedAndCanBeOverridden() throws {
        let bench = try Bench()
        let small = "--seq-length 10 --batch-size 4"
        let flags = "--recipe char-rnn --rnn-units 16 \(small) --epochs 1"
        let outcome = try bench.run("train --data text.txt \(flags)")
        #expect(outcome.status == 0 && outcome.stderr.contains("recipe char-rnn: cell lstm, layers 2"), "\(outcome)")
        #expect(outcome.stdout.contains("lstm_1 (LSTM)") && outcome.stdout.contains("val_loss"), "\(outcome)")
        let resumed = try bench.run(
            "train --data text.txt \(flags) --epochs 2 --resume".replacing("--epochs 1 ", with: ""))
        #expect(resumed.status == 0, "\(resumed)")
        let other = try bench.run(
            "train --data text.txt --recipe tutorial --init training_checkpoints --checkpoint-dir other --max-steps 1 \(small)"
        )
        #expect(
            other.status == 0 && other.stdout.contains("lstm_1 (LSTM)"), "the file's sizes take precedence: \(other)")
        expectRejected(try bench.run("train --data text.txt --recipe other"), 64, "char-rnn")
    }
}
