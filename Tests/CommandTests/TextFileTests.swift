import DistributedTesting
import Foundation
import Testing

/// Texts of several files, and files that aren't text.
@Suite(.serialized)
struct TextFileTests {
    private let bench: Bench

    init() throws { bench = try Bench() }

    private func shell(_ command: String) throws -> MPIRun.Outcome {
        try MPIRun.shell(command, folder: bench.folder, seconds: 20)
    }

    @Test(arguments: Launch.each)
    func severalFilesAndFoldersAreJoined(launch: Launch) throws {
        try FileManager.default.createDirectory(atPath: bench.path("texts"), withIntermediateDirectories: true)
        let pieces = ["zebra €", "Ærø 😀 "].map { $0 + Bench.text }
        try bench.write(pieces[0], to: "texts/b.txt")
        try bench.write(pieces[1], to: "texts/a.txt")
        try bench.write("left out", to: "texts/c.md")
        try bench.write(pieces[1] + pieces[0] + Bench.text, to: "joined.txt")
        try bench.train("--data joined.txt --max-steps 3 --checkpoint-dir joined")
        for (index, data) in ["--data texts text.txt", "--data texts --data text.txt"].enumerated() {
            let outcome = try bench.train("\(data) --max-steps 3 --checkpoint-dir parts\(index)", on: launch)
            #expect(outcome.stdout.contains("texts, text.txt (3 files): "), "\(outcome)")
            let names = ["parts\(index)", "joined"].map { "\($0)/ckpt_1_3.safetensors" }
            #expect(try bench.read(names[0]) == bench.read(names[1]))
        }
        // The checksum covers the joined text.
        let resumed = try bench.train("--data joined.txt --max-steps 4 --checkpoint-dir parts0 --resume")
        #expect(resumed.stderr.contains("resumed from"), "\(resumed)")
        #expect(!FileManager.default.fileExists(atPath: bench.path("texts/.dtrain")))
    }

    @Test func evaluateJoinsFilesAndScaleRejectsStandardInput() throws {
        try bench.train("--max-steps 1")
        let outcome = try bench.run(
            "evaluate --checkpoint training_checkpoints --data text.txt text.txt --json")
        #expect(outcome.status == 0, "\(outcome)")
        #expect(outcome.stdout.contains("\"characters\":\(2 * Bench.text.utf8.count - 1)"), "\(outcome)")
        #expect(outcome.stdout.contains("\"data\":[\"text.txt\",\"text.txt\"]"), "\(outcome)")
        expectRejected(try bench.run("scale --data /dev/stdin"), 64, "--data /dev/stdin", "write the text to a file")
    }

    // MARK: Suggested commands

    /// The command suggested by an error or warning, and the file to pass next; nil for the same
    /// file.
    private func suggestion(_ outcome: MPIRun.Outcome) -> (command: String, name: String?)? {
        let pattern = /(?m)run(?: this, then name (?<name>[^:]+))?: (?<command>.+)$/
        guard let match = outcome.stderr.firstMatch(of: pattern) else { return nil }
        return (String(match.command), match.name.map(String.init))
    }

    /// Makes a bad file with a shell command, runs dtrain's suggested command, and expects a
    /// training to succeed.
    private func followSuggestion(
        _ make: String, _ name: String, _ problem: String, replacing: (String, String)? = nil,
        sourceLocation: SourceLocation = #_sourceLocation
    ) throws {
        let made = try shell(make)
        try #require(made.status == 0, "\(made)", sourceLocation: sourceLocation)
        let outcome = try bench.tryToTrain("--max-steps 1 --data \(name) --overwrite")
        #expect([0, 65].contains(outcome.status), "\(outcome)", sourceLocation: sourceLocation)
        #expect(outcome.stderr.contains(problem), "\(outcome)", sourceLocation: sourceLocation)
        let found = try #require(suggestion(outcome), "\(outcome)", sourceLocation: sourceLocation)
        let command = replacing.map { found.command.replacingOccurrences(of: $0.0, with: $0.1) } ?? found.command
        let done = try shell(command)
        #expect(done.status == 0, "\(command): \(done)", sourceLocation: sourceLocation)
        let again = try bench.tryToTrain("--max-steps 1 --data \(found.name ?? name) --overwrite")
        #expect(again.status == 0, "\(again)", sourceLocation: sourceLocation)
        #expect(again.stderr.isEmpty, "\(again)", sourceLocation: sourceLocation)
    }

    @Test(arguments: [
        ("gzip", "gzip -c text.txt > bad.txt.gz", "bad.txt.gz", "is gzip-compressed"),
        ("gzip", "gzip -c text.txt > bad", "bad", "is gzip-compressed"),
        ("gzip", "gzip -k text.txt", "text.txt.gz", "is gzip-compressed"),
        ("bzip2", "bzip2 -c text.txt > bad.txt.bz2", "bad.txt.bz2", "is bzip2-compressed"),
        ("xz", "xz -c text.txt > bad.txt.xz", "bad.txt.xz", "is xz-compressed"),
        ("zstd", "zstd -qc text.txt > bad.txt.zst", "bad.txt.zst", "is zstd-compressed"),
        ("zip", "zip -q bad.zip text.txt", "bad.zip", "is a zip archive"),
        ("iconv", "iconv -t UTF-16 text.txt > bad.txt", "bad.txt", "is UTF-16"),
        ("iconv", "iconv -t UTF-16BE text.txt > bad.txt", "bad.txt", "seems to be UTF-16BE"),
        ("iconv", "iconv -t UTF-32 text.txt > bad.txt", "bad.txt", "is UTF-32"),
        ("iconv", "(cat text.txt; printf 'caf\\351 \\200\\n') > bad.txt", "bad.txt", "seems to be WINDOWS-1252"),
        ("iconv", "(cat text.txt; printf 'caf\\351 \\201\\n') > bad.txt", "bad.txt", "seems to be ISO-8859-1"),
        ("iconv", "(cat text.txt; printf '\\303\\251\\303\\251\\351\\n') > bad.txt", "bad.txt", "though most of it is"),
        ("head", "(cat text.txt; printf '\\342\\202') > bad.txt", "bad.txt", "ends in the middle of a character"),
        ("tail", "(printf '\\202\\254'; cat text.txt) > bad.txt", "bad.txt", "begins in the middle of a character"),
        (
            "head", "(cat text.txt text.txt text.txt text.txt; printf '\\000\\001\\002\\003\\377\\376') > bad.txt",
            "bad.txt",
            "is binary data from offset 4720"
        ),
        ("tr", "(cat text.txt; printf '\\000\\001\\002') > bad.txt", "bad.txt", "is probably not text"),
        ("iconv", "mkdir folder && iconv -t UTF-16 text.txt > folder/x.txt", "folder", "'folder/x.txt' is UTF-16"),
    ])
    func theSuggestedCommandFixesTheFile(tool: String, make: String, name: String, problem: String) throws {
        guard try shell("command -v \(tool)").status == 0 else { return }
        try followSuggestion(make, name, problem)
    }

    @Test func anUnrecognizedEncodingGetsAPlaceholder() throws {
        try followSuggestion(
            "for i in $(seq 50); do echo 'съешь ещё этих мягких французских булок'; done | iconv -t KOI8-R > bad.txt",
            "bad.txt",
            "is in another encoding", replacing: ("ENCODING", "KOI8-R"))
    }

    @Test func aGitLFSPointerIsRecognized() throws {
        try bench.write("version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12\n", to: "lfs.txt")
        expectRejected(try bench.tryToTrain("--data lfs.txt"), 65, "'lfs.txt' is a Git LFS pointer", "git lfs pull")
    }

    // MARK: Pipes and devices

    private var program: String {
        get throws { "'\(try MPIRun.find("dtrain"))' \(Bench.train("--max-steps 1 --overwrite --data "))" }
    }

    @Test func aSingleProcessReadsPipes() throws {
        let program = try program
        for command in [
            "cat text.txt | \(program) -", "\(program) - < text.txt", "cat text.txt | \(program) /dev/stdin",
        ] {
            let outcome = try shell(command)
            #expect(outcome.status == 0, "\(command): \(outcome)")
            #expect(outcome.stdout.contains("/dev/stdin: 1,180 characters"), "\(outcome)")
        }
        expectRejected(
            try shell("gzip -c text.txt | \(program) -"), 65, "is gzip-compressed", "pipe it through: gunzip -c")
        expectRejected(try shell("true | \(program) -"), 66, "ended without any text")
    }

    @Test(.enabled(if: MPIRun.isAvailable, "mpirun isn't installed"))
    func severalRanksRejectAPipe() throws {
        #expect(try shell("mkfifo pipe").status == 0)
        let outcome = try bench.tryToTrain("--data pipe", on: .ranks(2))
        expectRejected(outcome, 66, "'pipe' is a pipe", "write its text to a file", on: .ranks(2))
    }

    /// The pipe has no writer.
    @Test(arguments: ["train", "evaluate"])
    func theFirstInterruptEndsTheWaitForAWriter(command: String) throws {
        try bench.train("--max-steps 1 --checkpoint-dir trained")
        #expect(try shell("mkfifo pipe").status == 0)
        let flags =
            command == "train"
            ? "\(try program) pipe" : "'\(try MPIRun.find("dtrain"))' evaluate --checkpoint trained --data pipe"
        // The signal is sent once the pipe is open.
        let outcome = try shell(
            """
            env --default-signal=INT \(flags) & job=$!
            until ls -l /proc/$job/fd 2>/dev/null | grep -q pipe$; do kill -0 $job || break; sleep 0.01; done
            kill -INT $job
            wait $job
            """)
        #expect(outcome.status == (command == "train" ? 75 : 130), "\(outcome)")
        #expect(!bench.exists("training_checkpoints"))
        if command == "train" { #expect(outcome.stderr.contains("error: stopped while reading 'pipe'"), "\(outcome)") }
    }
}
