import DistributedTesting
import Foundation
import Testing

/// The output of `evaluate`, mismatched weights and texts, and the default text.
@Suite(.serialized)
struct EvaluateTests {
    private let bench: Bench

    init() throws {
        bench = try Bench()
        try bench.train("--max-steps 2 --checkpoint-every-steps 1")
    }

    private struct Report: Decodable {
        let checkpoint: String
        let step: Int?
        let data: [String]
        let unknown_characters: Int
        let characters: Int
        let loss: Double
    }

    @Test func reportsCheckpointStepTextAndUnknownCharacters() throws {
        try bench.write("the Æther", to: "other.txt")
        let outcome = try bench.run("evaluate --checkpoint training_checkpoints --data other.txt")
        #expect(outcome.status == 0, "\(outcome)")
        #expect(
            outcome.stderr.contains(
                "evaluating 'training_checkpoints/ckpt_1_2.safetensors' (step 2) on 'other.txt': 9 characters, 1 unknown\n"
            ),
            "\(outcome)")
        #expect(outcome.stderr.contains("warning: 1 characters of 'other.txt'"), "\(outcome)")
        #expect(outcome.stdout.split(separator: "\n").count == 1, "\(outcome)")
        let json = try bench.run("evaluate --checkpoint training_checkpoints --data other.txt --json")
        #expect(json.status == 0, "\(json)")
        #expect(json.stderr.contains("warning: 1 characters of 'other.txt'"), "\(json)")
        #expect(try JSONDecoder().decode(Report.self, from: Data(json.stdout.utf8)).characters == 8)
    }

    @Test func eachCheckpointGetsOneLine() throws {
        let names = [1, 2].map { "training_checkpoints/ckpt_1_\($0).safetensors" }
        let json = try bench.run("evaluate --checkpoint \(names.joined(separator: " ")) --data text.txt --json")
        #expect(json.status == 0, "\(json)")
        let reports = try json.stdout.split(separator: "\n").map {
            try JSONDecoder().decode(Report.self, from: Data($0.utf8))
        }
        #expect(reports.map(\.checkpoint) == names)
        #expect(reports.map(\.step) == [1, 2])
        #expect(reports.allSatisfy { $0.data == ["text.txt"] && $0.unknown_characters == 0 })
        let table = try bench.run("evaluate --checkpoint \(names[0]) --checkpoint \(names[1]) --data text.txt")
        let lines = table.stdout.split(separator: "\n")
        #expect(lines.count == 3 && Set(lines.map(\.count)).count == 1, "\(table)")
        for (line, report) in zip(lines.dropFirst(), reports) {
            let columns = line.split(separator: " ").map(String.init)
            #expect(
                columns.prefix(3) == [report.checkpoint, "\(report.step ?? 0)", String(format: "%.4f", report.loss)])
        }
        expectRejected(try bench.run("evaluate --checkpoint \(names[0]) nowhere --data text.txt"), 66, "'nowhere'")
    }

    /// Models of two vocabularies share one read of a pipe.
    @Test func modelsWithDifferentVocabulariesShareOnePipe() throws {
        try bench.write(Bench.text + "€", to: "more.txt")
        try bench.train("--data more.txt --max-steps 1 --checkpoint-dir more")
        let program = try MPIRun.find("dtrain")
        let outcome = try MPIRun.shell(
            "cat more.txt | '\(program)' evaluate --checkpoint more training_checkpoints more --data -",
            folder: bench.folder, seconds: 20)
        #expect(outcome.status == 0, "\(outcome)")
        let unknown = outcome.stdout.split(separator: "\n").dropFirst().map { $0.split(separator: " ").last ?? "" }
        #expect(unknown == ["0", "1", "0"], "\(outcome)")
    }

    @Test func aTextWithoutKnownCharactersIsRejected() throws {
        try bench.write(String(repeating: "ЪЫЬ", count: 100), to: "other.txt")
        let message = "no character of 'other.txt' is in the vocabulary of 'training_checkpoints/ckpt_1_2.safetensors'"
        let evaluated = try bench.run("evaluate --checkpoint training_checkpoints --data other.txt")
        #expect(evaluated.status == 65, "\(evaluated)")
        #expect(evaluated.stderr.contains("error: \(message)"), "\(evaluated)")
        let file = "training_checkpoints/ckpt_1_2.safetensors"
        let initialized = try bench.run(
            "train --init \(file) --data other.txt --checkpoint-dir new --seq-length 10 --batch-size 8")
        expectRejected(initialized, 65, message)
        #expect(!bench.exists("new"))
    }

    // MARK: Given weights

    private func initialize(_ file: String, _ data: String, _ flags: String = "") throws -> MPIRun.Outcome {
        let outcome = try bench.run(
            "train --init \(file) --data \(data) --checkpoint-dir new --overwrite --seq-length 10 --batch-size 8 "
                + "--max-steps 1 \(flags)")
        try #require(outcome.status == 0, "\(outcome)")
        return outcome
    }

    @Test func weightsWithoutAVocabularyCauseAWarning() throws {
        let golden = try #require(GoldenCase.all.first)
        let outcome = try initialize("\(golden.folder)/init.safetensors", "\(golden.folder)/corpus.txt")
        let warnings = outcome.stderr.split(separator: "\n").filter { $0.hasPrefix("warning:") }
        #expect(warnings.count == 1, "\(outcome)")
        #expect(warnings.first?.contains("has no vocabulary") == true, "\(outcome)")
        #expect(outcome.stdout.contains(/(?m)^mean loss of the given weights \d\.\d+, ln\(vocabulary\) \d\.\d+$/))
        let own = try initialize("training_checkpoints/ckpt_1_2.safetensors", "text.txt")
        #expect(own.stderr.isEmpty, "\(own)")
        let places = ["mean loss of the given weights", "Epoch 1/"].map { own.stdout.range(of: $0)?.lowerBound }
        #expect(places[0] != nil && places[1] != nil)
        if let first = places[0], let second = places[1] { #expect(first < second, "\(own)") }
    }

    /// Weights overfitted to one text are evaluated on the same letters in a different order.
    @Test func weightsWorseThanGuessingCauseAWarning() throws {
        try bench.train("--checkpoint-dir trained --epochs 20 --learning-rate 0.02")
        let letters = Array(Bench.text.unicodeScalars)
        let shuffled = (0..<letters.count).map { letters[$0 * 7 % letters.count] }
        try bench.write(String(String.UnicodeScalarView(shuffled)), to: "shuffled.txt")
        let outcome = try initialize("trained/ckpt_20.safetensors", "shuffled.txt")
        #expect(outcome.stderr.contains("'trained/ckpt_20.safetensors' are worse than guessing"), "\(outcome)")
        #expect(try initialize("trained/ckpt_20.safetensors", "text.txt").stderr.isEmpty)
        // The same warning after the resume of a diverged training.
        try bench.train("--checkpoint-dir diverged --max-steps 4 --learning-rate 50")
        let resumed = try bench.train("--checkpoint-dir diverged --max-steps 5 --learning-rate 50 --resume")
        #expect(resumed.stderr.contains("the loss after the resume is worse than guessing"), "\(resumed)")
    }

    // MARK: The default text

    @Test func theFallbackTextIsReported() throws {
        let folder = bench.path("dtrain")
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        try bench.write(Bench.text, to: "dtrain/shakespeare-plays.txt")
        let flags = "--rnn-units 16 --embedding-dim 8 --seq-length 10 --batch-size 8 --max-steps 1 --overwrite"
        let outcome = try bench.run(flags)
        #expect(outcome.status == 0, "\(outcome)")
        let lines = outcome.stderr.split(separator: "\n")
        #expect(lines.count == 1, "\(outcome)")
        #expect(lines.first?.contains("not the tutorial's") == true && lines.first?.contains("fetch-corpus") == true)
        try bench.write(Bench.text, to: "dtrain/shakespeare.txt")
        #expect(try bench.run(flags).stderr.isEmpty)
    }

    /// As with a launcher that passes neither the flag nor the environment to other hosts.
    @Test(.enabled(if: MPIRun.isAvailable, "mpirun isn't installed"))
    func allRanksUseTheDefaultTextOfRankZero() throws {
        let flags = Bench.words("train --rnn-units 16 --embedding-dim 8 --seq-length 10 --batch-size 8 --max-steps 1")
        let new = try MPIRun.mpirun(
            executable: "/usr/bin/env",
            programs: [
                (ranks: 1, arguments: ["DTRAIN_DATA=text.txt", try MPIRun.find("dtrain")] + flags + ["--overwrite"]),
                (
                    ranks: 1,
                    arguments: ["DTRAIN_DATA=nowhere.txt", try MPIRun.find("dtrain")] + flags + ["--overwrite"]
                ),
            ], folder: bench.folder, seconds: 30)
        #expect(new.status == 0, "\(new)")
        #expect(new.stdout.contains("text.txt: 1,180 characters"), "\(new)")
    }

    @Test func evaluationCanUseAnotherPrecision() throws {
        func loss(_ flags: String) throws -> Double {
            let outcome = try bench.run(
                "evaluate --checkpoint training_checkpoints/ckpt_1_2.safetensors --data text.txt --json \(flags)")
            struct Line: Decodable { let loss: Double }
            return try JSONDecoder().decode(Line.self, from: Data(outcome.stdout.utf8)).loss
        }
        let (plain, rounded) = (try loss(""), try loss("--precision bf16"))
        // Operands are rounded to 8 bits.
        #expect(rounded != plain && abs(rounded - plain) < plain / 256)
    }
}
