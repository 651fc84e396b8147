import DistributedTesting
import Foundation
import Testing

/// The effects of `--metrics` on an existing file.
@Suite(.serialized)
struct MetricsFileTests {
    @Test(arguments: ["--checkpoint-dir other", "--overwrite", "--resume"])
    func theTextAsMetricsFileIsRejected(flags: String) throws {
        let bench = try Bench()
        try bench.train("--max-steps 1")
        try FileManager.default.createSymbolicLink(atPath: bench.path("link"), withDestinationPath: "text.txt")
        for name in ["text.txt", "./text.txt", "link"] {
            expectRejected(try bench.tryToTrain("--metrics \(name) \(flags)"), 64, "'\(name)'", "text of --data")
        }
        #expect(try bench.read("text.txt") == Data(Bench.text.utf8))
    }

    @Test(arguments: ["notes\n", "a line\n{\"epoch\":1,\"epoch_loss\":1}\n", "{\"epoch\":1}\n", "no line end", "\n"])
    func filesWithOtherContentAreRejected(content: String) throws {
        let bench = try Bench()
        try bench.train("--max-steps 1")
        try bench.write(content, to: "notes.txt")
        for flags in ["--checkpoint-dir other", "--overwrite", "--resume"] {
            let outcome = try bench.tryToTrain("--metrics notes.txt \(flags)")
            expectRejected(outcome, 64, "'notes.txt'", "something other than metrics")
        }
        #expect(try bench.read("notes.txt") == Data(content.utf8))
        #expect(try bench.names(in: "training_checkpoints") == ["ckpt_1_1.safetensors"])
    }

    /// An empty file, and files cut in the first line by a crash.
    @Test(arguments: ["", "{\"epoch\":1,\"lo", "{\"ep"])
    func emptyAndTruncatedFilesAreAccepted(content: String) throws {
        let bench = try Bench()
        try bench.write(content, to: "metrics.jsonl")
        try bench.train("--max-steps 2 --metrics metrics.jsonl")
        #expect(try Metrics(bench.read("metrics.jsonl")).steps == [1, 2])
        try bench.write(try bench.read("metrics.jsonl") + Data(content.utf8), to: "metrics.jsonl")
        try bench.train("--max-steps 3 --metrics metrics.jsonl --overwrite")
        #expect(try Metrics(bench.read("metrics.jsonl")).steps == [1, 2, 3])
    }

    @Test func replacingAnotherRunsMetricsNeedsOverwrite() throws {
        let bench = try Bench()
        try bench.train("--max-steps 5 --metrics metrics.jsonl --checkpoint-dir first")
        let before = try bench.read("metrics.jsonl")
        for flags in ["--checkpoint-dir next", "--seed 2 --checkpoint-dir next"] {
            let outcome = try bench.tryToTrain("--max-steps 2 --metrics metrics.jsonl \(flags)")
            expectRejected(outcome, 64, "'metrics.jsonl' already holds 5 lines", "--overwrite", "--metrics")
        }
        // With another seed, the losses differ from the first step on.
        try bench.train("--seed 2 --max-steps 3 --checkpoint-dir other")
        let outcome = try bench.tryToTrain("--max-steps 6 --metrics metrics.jsonl --resume --checkpoint-dir other")
        expectRejected(outcome, 64, "'metrics.jsonl' holds another training's lines", "--metrics")
        #expect(!bench.exists("next"))
        #expect(try bench.read("metrics.jsonl") == before)
        try bench.train("--max-steps 2 --metrics metrics.jsonl --checkpoint-dir next --overwrite")
        #expect(try Metrics(bench.read("metrics.jsonl")).steps == [1, 2])
    }

    /// Output and metrics can share one file; each line stays complete.
    @Test func metricsCanShareStandardOutput() throws {
        let bench = try Bench()
        let program = "'\(try MPIRun.find("dtrain"))' \(Bench.train("--max-steps 3 --metrics /dev/stdout"))"
        let outcome = try MPIRun.shell("\(program) >both && \(program) --overwrite | cat >piped", folder: bench.folder)
        #expect(outcome.status == 0, "\(outcome)")
        for name in ["both", "piped"] {
            let lines = String(decoding: try bench.read(name), as: UTF8.self).split(separator: "\n")
            #expect(lines.first?.hasPrefix("text.txt: ") == true, "\(lines)")
            let metrics = lines.filter { $0.hasPrefix("{") }.joined(separator: "\n") + "\n"
            #expect(try Metrics(Data(metrics.utf8)).steps == [1, 2, 3], "\(lines)")
        }
    }

    @Test func aSymbolicLinkIsKept() throws {
        let bench = try Bench()
        try FileManager.default.createSymbolicLink(atPath: bench.path("link"), withDestinationPath: "metrics.jsonl")
        try bench.train("--max-steps 3 --checkpoint-every-steps 2 --metrics link")
        try FileManager.default.removeItem(atPath: bench.path("training_checkpoints/ckpt_1_3.safetensors"))
        for flags in ["--resume", "--overwrite"] {
            try bench.train("--max-steps 4 --metrics link \(flags)")
            #expect(try FileManager.default.destinationOfSymbolicLink(atPath: bench.path("link")) == "metrics.jsonl")
            #expect(try Metrics(bench.read("metrics.jsonl")).steps == [1, 2, 3, 4])
        }
    }

    @Test func aPipeReceivesTheMetrics() throws {
        let bench = try Bench()
        let program = "'\(try MPIRun.find("dtrain"))'"
        for flags in ["--max-steps 2", "--max-steps 4 --resume"] {
            let outcome = try MPIRun.shell(
                "rm -f pipe; mkfifo pipe; cat pipe >got & "
                    + "\(program) \(Bench.train(flags)) --metrics pipe && wait && test -p pipe",
                folder: bench.folder)
            #expect(outcome.status == 0, "\(outcome)")
            #expect(try Metrics(bench.read("got")).steps == (flags.contains("resume") ? [3, 4] : [1, 2]))
        }
    }
}
