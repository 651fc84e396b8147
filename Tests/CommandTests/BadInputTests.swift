import Foundation
import Testing

/// Invalid input is rejected with its exit code and a one-line error, and changes no file.
@Suite(.serialized)
struct BadInputTests {
    @Test(arguments: Launch.each)
    func unusableTextsAreRejected(launch: Launch) throws {
        let bench = try Bench()
        try bench.write("", to: "empty.txt")
        try bench.write("short", to: "short.txt")
        try bench.write(Data("good\n".utf8) + [0xC3, 0x28] + Data(Bench.text.utf8), to: "latin.txt")
        func expectTextRejected(_ name: String, _ status: Int32, _ what: String) throws {
            let outcome = try bench.tryToTrain("--data \(name)", on: launch)
            expectRejected(outcome, status, "'\(name)'", what, on: launch)
            #expect(!bench.exists("training_checkpoints"))
        }
        try expectTextRejected("missing.txt", 66, "No such file")
        try expectTextRejected("latin.txt", 65, "5")
        // Ranks reject every text in the same way, and a rejected job takes seconds to end.
        guard case .alone = launch else { return }
        try expectTextRejected("empty.txt", 65, "is empty")
        // One batch: 8 sequences of 10 characters and their targets.
        try expectTextRejected("short.txt", 65, "5 characters, but one batch of 8 sequences of 10 needs 88")
        try FileManager.default.createDirectory(atPath: bench.path("empty"), withIntermediateDirectories: true)
        try expectTextRejected("empty", 66, "has no *.txt files in it")
        try expectTextRejected("/dev/zero", 66, "is a device")
    }

    @Test func invalidUTF8IsReportedWithByteAndOffset() throws {
        let bench = try Bench()
        let start = Data(String(repeating: "é", count: 700).utf8)
        try bench.write(start + [0xE2, 0x82] + Data(Bench.text.utf8), to: "bad.txt")
        let outcome = try bench.tryToTrain("--data bad.txt")
        expectRejected(outcome, 65, "'bad.txt'", "byte 0xe2 at offset 1400")
    }

    @Test func trainingWithoutATextIsRejected() throws {
        expectRejected(try Bench().run("train"), 66, "--data", "$DTRAIN_DATA")
    }

    @Test func theTextCanComeFromTheEnvironment() throws {
        let bench = try Bench()
        let flags = Bench.train("--epochs 1").replacingOccurrences(of: "train --data text.txt ", with: "")
        // `train` is the default command, so the word may be missing.
        let outcome = try bench.run(flags, environment: ["DTRAIN_DATA": "text.txt"])
        #expect(outcome.status == 0, "\(outcome)")
        #expect(try bench.names(in: "training_checkpoints") == ["ckpt_1.safetensors"])
    }

    @Test(arguments: [
        "--epochs 0", "--epochs 1.5", "--epochs many", "--max-steps 0", "--batch-size 0",
        "--batch-size 99999999999999999999", "--micro-batch-size 0", "--micro-batch-size 9", "--seq-length 0",
        "--layers 0", "--layers 2147483647", "--rnn-units 0", "--rnn-units 2147483647", "--embedding-dim 0",
        "--embedding-dim 2147483647", "--learning-rate 0", "--learning-rate nan",
        "--learning-rate inf", "--learning-rate 1e300", "--learning-rate 1e-300", "--seed -1", "--seed x",
        "--threads 0", "--members 0", "--threads 1 --members 2", "--rnn-units 10 --threads 2 --members 2", "--keep 0",
        "--checkpoint-every-steps 0",
        "--stall-timeout 0", "--cell elman", "--precision fp8", "--unknown", "surplus",
        "--init x.safetensors --resume", "--init x.safetensors --resume-from y.safetensors",
        "--resume --resume-from y.safetensors", "--resume --overwrite", "--data",
    ])
    func invalidTrainFlagsAreRejected(flags: String) throws {
        let bench = try Bench()
        expectRejected(try bench.tryToTrain(flags), 64)
        #expect(!bench.exists("training_checkpoints"))
    }

    @Test(arguments: [
        "generate --prompt a", "generate --checkpoint c --prompt a --length -1",
        "generate --checkpoint c --prompt a --temperature 0", "generate --checkpoint c --prompt a --temperature nan",
        "generate --checkpoint c --prompt a --temperature x",
        "generate --checkpoint c --prompt a --greedy --temperature 0.5",
        "generate --checkpoint c --prompt a --top-k 1.5", "generate --checkpoint c --prompt a --top-k -1",
        "generate --checkpoint c --prompt a --top-p 0", "generate --checkpoint c --prompt a --top-p 1.01",
        "generate --checkpoint c --prompt a --top-p nan", "generate --checkpoint c --prompt a --samples 0",
        "generate --checkpoint c --prompt a --samples 10001", "evaluate --checkpoint c --seq-length 0",
        "export --checkpoint c", "export --output o", "summary --rnn-units 0", "summary --rnn-units 2147483647",
        "summary --layers 2147483647", "summary --vocabulary-size 2147483647",
    ])
    func invalidFlagsOfOtherCommandsAreRejected(line: String) throws {
        expectRejected(try Bench().run(line), 64)
    }

    @Test(arguments: [
        ("--epochs 0", "'--epochs <epochs>': give a whole number from 1 to 2147483647", "train"),
        ("train --seed x", "give a whole number from 0 to 18446744073709551615", "train"),
        ("train --learning-rate 0", "give a number from", "train"),
        ("train --cell elman", "'gru', 'lstm' or 'rnn'; see", "train"),
        ("generate --length x", "give a whole number from 0 to 2147483647", "generate"),
        (
            "generate --temperature 0", "'0' is invalid for '--temperature <temperature>': write --greedy instead",
            "generate"
        ),
        ("summary --layers 1001", "--layers 1001 is too large: give at most 1000", "summary"),
        ("evaluate", "Missing expected argument '--checkpoint", "evaluate"),
        ("generate --checkpoint c", "the prompt is missing", "generate"),
        ("generate --checkpoint c --prompt a --top-k 0", "leave out --top-k to keep all characters", "generate"),
        ("generate --checkpoint c --prompt a --top-p 2", "give a number above 0 and at most 1", "generate"),
        (
            "generate --checkpoint c --prompt a --greedy --top-k 5", "--top-k 5 has no effect with --greedy",
            "generate"
        ),
        (
            "generate --checkpoint c --prompt a --greedy --top-p 0.5", "--top-p 0.5 has no effect with --greedy",
            "generate"
        ),
        (
            "generate --checkpoint c --prompt a --greedy --samples 2", "all 2 samples would be the same", "generate"
        ),
        ("generate --checkpoint c --prompt a --separator a\\x", "write \\n, \\t or, for a backslash, \\\\", "generate"),
        ("generate --checkpoint c --prompt a --separator a\\", "write \\n, \\t or", "generate"),
        (
            "generate --checkpoint c --prompt a --separator x --json", "--separator has no effect with --json",
            "generate"
        ),
    ])
    func usageErrorsGiveTheFixAndTheHelpCommand(line: String, message: String, command: String) throws {
        expectRejected(try Bench().run(line), 64, message, "; see 'dtrain \(command) --help'")
    }

    @Test(arguments: [
        ("--cell lstm", "--cell gru, not lstm"), ("--layers 3", "--layers 1, not 3"),
        ("--embedding-dim 9", "--embedding-dim 8, not 9"), ("--rnn-units 99", "--rnn-units 16, not 99"),
    ])
    func sizesThatContradictACheckpointAreRejected(flags: String, message: String) throws {
        let bench = try Bench()
        try bench.train("--max-steps 1")
        let file = "training_checkpoints/ckpt_1_1.safetensors"
        let plain = "--init \(file) --data text.txt --seq-length 10 --batch-size 8 --max-steps 1"
        expectRejected(try bench.run("\(plain) --checkpoint-dir next \(flags)"), 64, "'\(file)'", message)
        #expect(!bench.exists("next"))
        expectRejected(try bench.run("summary --checkpoint \(file) \(flags)"), 64, "'\(file)'", message)
        let same = "--cell gru --layers 1 --embedding-dim 8 --rnn-units 16"
        for allowed in ["\(plain) --checkpoint-dir same \(same)", "\(plain) --checkpoint-dir none"] {
            #expect(try bench.run(allowed).status == 0)
        }
        #expect(try bench.run("summary --checkpoint \(file) \(same) --vocabulary-size 30").status == 0)
        expectRejected(
            try bench.run("summary --checkpoint \(file) --vocabulary-size 31"), 64, "--vocabulary-size 30, not 31")
    }

    @Test(arguments: [
        "generate --checkpoint nowhere --prompt a", "evaluate --checkpoint nowhere --data text.txt",
        "export --checkpoint nowhere --output out", "summary --checkpoint nowhere",
    ])
    func aMissingCheckpointIsRejected(line: String) throws {
        let bench = try Bench()
        expectRejected(try bench.run(line), 66, "'nowhere'")
        #expect(!bench.exists("out"))
        try FileManager.default.createDirectory(atPath: bench.path("nowhere"), withIntermediateDirectories: true)
        expectRejected(try bench.run(line), 66, "'nowhere'")
    }

    @Test func missingInitAndResumeFilesAreRejected() throws {
        let bench = try Bench()
        expectRejected(try bench.tryToTrain("--init nowhere"), 66, "'nowhere'")
        expectRejected(try bench.tryToTrain("--resume-from nowhere"), 66, "'nowhere'")
        #expect(!bench.exists("training_checkpoints"))
    }

    @Test(arguments: Launch.each)
    func anUnwritableFolderChangesNoFile(launch: Launch) throws {
        let bench = try Bench()
        let old = "{\"epoch\":1,\"epoch_loss\":1}\n"
        try bench.write(old, to: "metrics.jsonl")
        for folder in ["text.txt", "text.txt/inside", "/proc/nowhere"] {
            let outcome = try bench.tryToTrain(
                "--checkpoint-dir \(folder) --metrics metrics.jsonl --overwrite", on: launch)
            expectRejected(outcome, 74, "'\(folder)'", on: launch)
        }
        #expect(try bench.read("metrics.jsonl") == Data(old.utf8))
        #expect(try bench.read("text.txt") == Data(Bench.text.utf8))
    }

    @Test func anUnwritableMetricsFileKeepsTheCheckpoints() throws {
        let bench = try Bench()
        try bench.train("--epochs 1")
        expectRejected(try bench.tryToTrain("--overwrite --metrics no/folder.jsonl"), 74, "'no/folder.jsonl'")
        #expect(try bench.names(in: "training_checkpoints") == ["ckpt_1.safetensors"])
    }

    @Test func aFileNameWithANewlineGivesAOneLineError() throws {
        let bench = try Bench()
        expectRejected(try bench.run("train", ["--data", "no\nfile"]), 66)
        expectRejected(try bench.run("summary", ["--checkpoint", "no\nfile"]), 66)
    }

    @Test func initialWeightsForAnotherVocabularyAreRejected() throws {
        let bench = try Bench()
        // This file has no vocabulary. Apart from the vocabulary's size, its shapes equal the other
        // model's.
        let golden = try #require(GoldenCase.all.first { $0.folder.hasSuffix("/gru-1layer") })
        let outcome = try bench.run(Bench.train(""), ["--init", "\(golden.folder)/init.safetensors"])
        expectRejected(outcome, 65, "34", "\(Bench.vocabularySize)")
    }
}
