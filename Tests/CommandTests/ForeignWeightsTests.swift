import DTrainCore
import DistributedTesting
import Foundation
import Testing

/// Every command that uses a model accepts weights of other programs.
@Suite(.serialized)
struct ForeignWeightsTests {
    /// A checkpoint's weights in float16, sorted by name, without metadata.
    private func half(_ name: String, of bench: Bench) throws -> Data {
        let file = try Safetensors(path: bench.path(name))
        var (members, data) = ([String](), Data())
        for name in file.names.sorted() where !name.hasPrefix("adam.") {
            let shape = try #require(file.tensors[name]?.shape)
            let start = data.count
            for value in try values(of: name, count: shape.reduce(1, *), in: file) {
                withUnsafeBytes(of: Float16(value).bitPattern.littleEndian) { data.append(contentsOf: $0) }
            }
            members.append(
                "\"\(name)\": {\"dtype\": \"F16\", \"shape\": \(shape), \"data_offsets\": [\(start), \(data.count)]}")
        }
        let header = Data("{\(members.joined(separator: ", "))}".utf8)
        return withUnsafeBytes(of: UInt64(header.count).littleEndian) { Data($0) } + header + data
    }

    private func bench() throws -> Bench {
        let bench = try Bench()
        try bench.train("--epochs 1")
        try bench.write(try half("training_checkpoints/ckpt_1.safetensors", of: bench), to: "half.safetensors")
        let characters = Set(Bench.text.unicodeScalars).sorted().map { $0 == "\n" ? "\"\\n\"" : "\"\($0)\"" }
        try bench.write("[\(characters.joined(separator: ", "))]\n", to: "list.json")
        try bench.write("[\"[UNK]\",\(characters.joined(separator: ","))]", to: "tokens.json")
        return bench
    }

    @Test func everyCommandAcceptsForeignWeightsWithAVocabulary() throws {
        let bench = try bench()
        let own = try bench.run(
            "generate --checkpoint training_checkpoints --greedy --length 30", ["--prompt", "the "])
        for vocabulary in ["text.txt", "list.json", "tokens.json"] {
            let outcome = try bench.run(
                "generate --checkpoint half.safetensors --vocabulary \(vocabulary) --greedy --length 30",
                ["--prompt", "the "])
            #expect(outcome.status == 0 && outcome.stdout == own.stdout, "\(outcome)")
            let lines = outcome.stderr.split(separator: "\n")
            #expect(lines.count == 2, "\(outcome)")
            #expect(lines.contains { $0.contains("not sealed by dtrain") } && lines.contains { $0.contains("F16") })
        }
        func loss(_ checkpoint: String) throws -> Double {
            let line = try bench.run("evaluate --data text.txt --json --checkpoint \(checkpoint)").stdout
            let object = try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any]
            return try #require(object?["loss"] as? Double, "\(line)")
        }
        #expect(try bench.run("export --checkpoint half.safetensors --vocabulary text.txt --output out").status == 0)
        #expect(try loss("out") == loss("half.safetensors --vocabulary list.json"))
        let remarks = try bench.run("evaluate --data text.txt --checkpoint out").stderr.split(separator: "\n")
        #expect(remarks.count == 1 && remarks[0].hasPrefix("evaluating 'out/"), "\(remarks)")
        #expect(try bench.run("summary --checkpoint half.safetensors").stdout.contains("Total params"))
    }

    @Test(arguments: Launch.each)
    func trainingStartsFromForeignWeightsWithOneNotice(launch: Launch) throws {
        let bench = try bench()
        let outcome = try bench.train("--init half.safetensors --max-steps 1 --checkpoint-dir next", on: launch)
        #expect(outcome.stderr.components(separatedBy: "not sealed by dtrain").count == 2, "\(outcome)")
        // A vocabulary whose size differs from the file's.
        try bench.write("abc", to: "abc.txt")
        let line = "generate --checkpoint half.safetensors --prompt a"
        expectRejected(try bench.run(line), 65, "'half.safetensors' has no vocabulary for its", "--vocabulary")
        expectRejected(try bench.run("\(line) --vocabulary abc.txt"), 64, "has 4 entries", "--vocabulary")
        expectRejected(
            try bench.run("generate --checkpoint training_checkpoints --prompt a --vocabulary abc.txt"), 64,
            "--vocabulary")
        try bench.write("[\"b\",\"a\",\"b\"]", to: "list.json")
        expectRejected(try bench.run("\(line) --vocabulary list.json"), 65, "'list.json' has a character twice (id 3)")
    }

    /// Each invalid path is reported at once, without blocking.
    @Test func pathsThatAreNotFilesAreRejected() throws {
        let bench = try bench()
        try #require(mkfifo(bench.path("pipe"), 0o600) == 0)
        try FileManager.default.createDirectory(atPath: bench.path("folder"), withIntermediateDirectories: true)
        for (path, what) in [("pipe", "a pipe"), ("/dev/zero", "a device"), ("folder", "folder")] {
            for line in [
                "generate --prompt a --checkpoint \(path)",
                "generate --prompt a --checkpoint half.safetensors --vocabulary \(path)",
                Bench.train("--init \(path) --checkpoint-dir next"),
                Bench.train("--resume-from \(path) --checkpoint-dir next"),
            ] { expectRejected(try bench.run(line), 66, "'\(path)'", what) }
        }
        expectRejected(try bench.tryToTrain("--metrics folder --checkpoint-dir next"), 64, "'folder' is a folder")
        #expect(!bench.exists("next"))
    }

    @Test func aFolderStandsForItsNewestCheckpoint() throws {
        let bench = try bench()
        for flag in ["--init", "--resume-from"] {
            try bench.train("\(flag) training_checkpoints --max-steps 15 --checkpoint-dir next\(flag)")
        }
        #expect(try bench.names(in: "next--resume-from") == ["ckpt_2_2.safetensors"])
        #expect(try bench.names(in: "next--init").contains("ckpt_1.safetensors"))
    }
}
