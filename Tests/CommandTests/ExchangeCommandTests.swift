import DistributedTesting
import Foundation
import Testing

/// `export --format` and `import` without the other programs, which `make test-exchange` runs.
@Suite(.serialized)
struct ExchangeCommandTests {
    private func bench(_ flags: String = "") throws -> Bench {
        let bench = try Bench()
        try bench.train("--max-steps 5 \(flags)")
        return bench
    }

    @Test(arguments: ["pytorch", "keras"], ["gru", "lstm --layers 2", "rnn"])
    func exportAndImportKeepEveryBit(format: String, cell: String) throws {
        let bench = try bench("--cell \(cell)")
        let exported = try bench.run(
            "export --checkpoint training_checkpoints --format \(format) --output out/model.safetensors")
        #expect(exported.status == 0 && exported.stdout == "out/model.safetensors\n", "\(exported)")
        #expect(try bench.names(in: "out") == ["model.safetensors"])
        let imported = try bench.run("import --from \(format) out/model.safetensors --output back")
        #expect(imported.status == 0 && imported.stdout == "back/generator.safetensors\n", "\(imported)")
        #expect(imported.stderr.isEmpty, "\(imported)")
        // The result equals dtrain's own export in every bit.
        try bench.run("export --checkpoint training_checkpoints --output own")
        #expect(try bench.read("back/generator.safetensors") == bench.read("own/generator.safetensors"))
        try bench.train("--init back --max-steps 1 --checkpoint-dir next")
    }

    @Test func anONNXExportIsOneFile() throws {
        let bench = try bench()
        let line = "export --checkpoint training_checkpoints --format onnx --output model.onnx"
        #expect(try bench.run(line).stdout == "model.onnx\n")
        let bytes = try bench.read("model.onnx")
        #expect(bytes.range(of: Data("linear_before_reset".utf8)) != nil)
        expectRejected(try bench.run(line), 64, "'model.onnx' exists already", "--overwrite")
        #expect(try bench.run("\(line) --overwrite").status == 0)
        #expect(try bench.read("model.onnx") == bytes)
        expectRejected(
            try bench.run("export --checkpoint training_checkpoints --format onnx --output training_checkpoints"), 64,
            "is a folder", "name a file")
    }

    @Test func importChecksNamesAndVocabulary() throws {
        let bench = try bench("--cell rnn")
        try bench.run("export --checkpoint training_checkpoints --format pytorch --output model.safetensors")
        // The text matches the metadata.
        #expect(
            try bench.run("import --from pytorch model.safetensors --vocabulary text.txt --output back").status == 0)
        let line = "import --from pytorch model.safetensors --output other"
        expectRejected(
            try bench.run("\(line) --map rnn=decoder"), 65, "has no tensor 'rnn.weight_hh_l0'", "--map THEIRS")
        expectRejected(try bench.run("\(line) --map gru=rnn"), 64, "--map names 'gru'")
        expectRejected(try bench.run("\(line) --map rnn"), 64, "--map takes THEIRS=OURS")
        expectRejected(try bench.run("import --from keras model.safetensors --output other"), 65, "'embedding.weight'")
        try bench.write("abc", to: "abc.txt")
        expectRejected(try bench.run("\(line) --vocabulary abc.txt"), 64, "--vocabulary")
        expectRejected(try bench.run("import --from pytorch missing.pt --output other"), 66, "'missing.pt'")
        expectRejected(
            try bench.run("import --from pytorch --output other"), 64, "see 'dtrain import --help'")
        expectRejected(
            try bench.run("import --from pytorch model.safetensors more --output other"), 64, "'more'",
            "1 argument besides its flags")
        #expect(!bench.exists("other"))
        expectRejected(
            try bench.run("import --from pytorch model.safetensors --output back"), 64,
            "'back/generator.safetensors' exists already", "--overwrite")
    }

    /// Outputs are checked before any input is read.
    @Test func outputsAreCheckedBeforeInputs() throws {
        let bench = try bench()
        for line in ["import --from keras missing", "export --checkpoint missing"] {
            expectRejected(try bench.run(line, ["--output", ""]), 64, "--output is empty; name a folder")
        }
        let export = "export --checkpoint missing --format keras"
        expectRejected(try bench.run(export, ["--output", ""]), 64, "--output is empty; name a file")
        try bench.run("export --checkpoint training_checkpoints --output back")
        expectRejected(try bench.run("import --from keras missing --output back"), 64, "exists already")
        expectRejected(try bench.run("export --checkpoint missing --output back"), 64, "exists already")
        expectRejected(try bench.run("\(export) --output text.txt"), 64, "'text.txt' exists already")
        expectRejected(
            try bench.run("\(export) --output new/"), 64, "'new/' names a folder", "leave out the trailing slash")
        #expect(!bench.exists("new"))
        #expect(mkfifo(bench.path("pipe"), 0o600) == 0)
        expectRejected(try bench.run("\(export) --output pipe --overwrite"), 64, "'pipe' is a pipe", "name a file")
    }

    /// A file with a renamed bias has a missing and an unexpected tensor.
    @Test func importReportsIgnoredAndMissingTensors() throws {
        let bench = try bench()
        try bench.run("export --checkpoint training_checkpoints --format keras --output whole")
        var bytes = try bench.read("whole")
        let name = try #require(bytes.range(of: Data("dense.bias".utf8)))
        bytes.replaceSubrange(name, with: Data("dense.bits".utf8))
        try bench.write(bytes, to: "other")
        let imported = try bench.run("import --from keras other --output back")
        #expect(imported.status == 0 && imported.stdout == "back/generator.safetensors\n", "\(imported)")
        let lines = imported.stderr.split(separator: "\n")
        #expect(lines.count == 2, "\(imported)")
        #expect(lines.first?.hasPrefix("warning: 'other' holds tensors") == true, "\(imported)")
        #expect(lines.first?.hasSuffix("ignored: 'dense.bits'") == true, "\(imported)")
        #expect(lines.last == "'other' has no 'dense.bias': zeros are used", "\(imported)")
        // A failed import prints no notice about skipped tensors.
        expectRejected(try bench.run("import --from keras other --output other"), 74, "not a folder")
    }
}
