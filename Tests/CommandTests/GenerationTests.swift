import DistributedTesting
import Foundation
import Testing

/// Options of `generate` beyond a prompt and its continuation.
@Suite(.serialized)
struct GenerationTests {
    private let bench: Bench

    init() throws {
        bench = try Bench()
        try bench.train("--max-steps 1")
    }

    private static let command = "generate --checkpoint training_checkpoints"

    private func generate(_ flags: String, _ more: String...) throws -> String {
        let outcome = try bench.run("\(Self.command) \(flags)", more)
        #expect(outcome.status == 0, "\(outcome)")
        #expect(outcome.stderr.isEmpty, "\(outcome)")
        return outcome.stdout
    }

    private func shell(_ arguments: String) throws -> MPIRun.Outcome {
        try MPIRun.shell(
            arguments.replacingOccurrences(of: "DTRAIN", with: "'\(try MPIRun.find("dtrain"))' \(Self.command)"),
            folder: bench.folder)
    }

    /// The complete texts would take days; the reader closes the pipe after a few characters.
    @Test(arguments: ["", "--stop 'the quick brown fox jumps'"])
    func aTextIsPrintedAsItIsGenerated(flags: String) throws {
        let outcome = try shell("DTRAIN --prompt 'the ' --length 2147483647 \(flags) | head -c 60")
        #expect(outcome.status == 0 && outcome.stderr.isEmpty, "\(outcome)")
        #expect(try generate("--length 56 --prompt", "the ") == outcome.stdout + "\n")
    }

    @Test func promptsCanComeFromAFile() throws {
        try bench.write("the fox\n", to: "prompt.txt")
        let text = try generate("--length 30 --prompt", "the fox\n")
        #expect(text.hasPrefix("the fox\n"))
        #expect(try generate("--length 30 --prompt-file prompt.txt") == text)
        for command in [
            "DTRAIN --length 30 --prompt-file - < prompt.txt", "cat prompt.txt | DTRAIN --length 30 --prompt-file -",
        ] {
            let outcome = try shell(command)
            #expect(outcome.status == 0 && outcome.stderr.isEmpty, "\(outcome)")
            #expect(outcome.stdout == text)
        }
        // The last sample follows the others.
        #expect(
            try generate("--length 30 --prompt-file prompt.txt --prompt a")
                == generate("--length 30 --prompt a --prompt", "the fox\n"))
    }

    @Test(arguments: [
        ("printf 'a Q b \\303\\246' > bad.txt", 64, "lacks \"Q\" (U+0051), \"æ\" (U+00E6) of 'bad.txt'"),
        ("gzip -c text.txt > bad.txt", 65, "'bad.txt' is gzip-compressed"), (": > bad.txt", 65, "'bad.txt' is empty"),
        ("printf 'a \\377' > bad.txt", 65, "offset 2"), ("true", 66, "'bad.txt'"),
    ])
    func invalidPromptFilesAreRejected(make: String, status: Int32, message: String) throws {
        #expect(try shell(make).status == 0)
        let outcome = try bench.run("\(Self.command) --prompt a --prompt-file bad.txt")
        expectRejected(outcome, status, message)
        #expect(outcome.stdout.isEmpty)
    }

    @Test func theStopTextEndsTheOutputAndIsNotPrinted() throws {
        let whole = try generate("--length 200 --prompt the")
        let scalars = Array(whole.unicodeScalars)
        // The stop text may occur earlier in the generated text.
        let stop = String(String.UnicodeScalarView(scalars[60..<62]))
        let generated = try #require(whole.dropFirst(3).range(of: stop))
        let expected = whole[..<generated.lowerBound] + "\n"
        #expect(try generate("--length 200 --prompt the --stop", stop) == expected)
        #expect(try generate("--length 200 --prompt the --prompt the --stop", stop).hasPrefix(expected))
        for (text, message) in [
            ("aQ", "lacks \"Q\" (U+0051) of --stop"), ("", "--stop is empty: give at least one character"),
        ] {
            let outcome = try bench.run("\(Self.command) --prompt the --stop", [text])
            expectRejected(outcome, 64, message)
            #expect(outcome.stdout.isEmpty)
        }
    }

    @Test func samplesAreJoinedByTheSeparator() throws {
        let lines = try generate("--length 0 --samples 2 --prompt the --prompt fox --separator", "\\n--\\t\\\\n\\n")
        #expect(lines == "the\n--\t\\n\nthe\n--\t\\n\nfox\n--\t\\n\nfox\n")
        #expect(try generate("--length 0 --samples 2 --prompt the --separator", "") == "thethe\n")
        let two = try generate("--length 30 --samples 2 --prompt the --separator", "|").dropLast().split(separator: "|")
        #expect(two.count == 2 && two[0] != two[1])
        #expect(try generate("--length 30 --prompt the") == two[0] + "\n")
    }

    private struct Report: Decodable, Equatable {
        let prompt: String
        let sample: Int
        let text: String
        let log_probabilities: [Double]
        let stop: String?
    }

    @Test func jsonOutputHasOneObjectPerText() throws {
        let flags = "--length 40 --top-k 9 --samples 3 --prompt the --prompt fox --stop e"
        let json = try generate("\(flags) --json")
        let reports = try json.split(separator: "\n").map {
            try JSONDecoder().decode(Report.self, from: Data($0.utf8))
        }
        #expect(reports.map(\.prompt) == ["the", "the", "the", "fox", "fox", "fox"])
        #expect(reports.map(\.sample) == [0, 1, 2, 0, 1, 2])
        #expect(
            reports.map { $0.prompt + $0.text + "|" }.joined()
                == (try generate("\(flags) --separator |").dropLast() + "|"))
        for report in reports {
            #expect(report.stop == (report.text.count < 40 ? "e" : nil))
            #expect(report.log_probabilities.count == report.text.unicodeScalars.count)
            #expect(report.log_probabilities.allSatisfy { $0 < 0 && $0 > -10 })
        }
        #expect(reports.contains { $0.stop == "e" })
    }

    @Test func theNumberOfThreadsDoesNotChangeTheText() throws {
        let flags =
            "--length 60 --top-k 12 --top-p 0.8 --samples 3 --prompt the --prompt fox --json --stop ox --threads"
        let text = try generate("\(flags) 1")
        #expect(try generate("\(flags) 2") == text)
    }

    @Test func topKAndTopPRestrictTheChoice() throws {
        let text = try generate("--length 60 --prompt the")
        #expect(try generate("--length 60 --prompt the --top-p 1 --top-k \(Bench.vocabularySize)") == text)
        for flags in ["--top-k 5", "--top-p 0.5"] { #expect(try generate("--length 60 --prompt the \(flags)") != text) }
        #expect(
            try generate("--length 60 --prompt the --top-k 1") == generate("--length 60 --prompt the --greedy"))
    }
}
