import DistributedTesting
import Foundation
import Testing

/// `generate`, `evaluate` and `export`.
@Suite(.serialized)
struct ModelUseTests {
    private let bench: Bench
    private let vocabulary = Set(Bench.text.unicodeScalars)

    init() throws {
        bench = try Bench()
        try bench.train("--max-steps 1")
    }

    private func generate(_ flags: String, prompts: String..., from: String = "training_checkpoints") throws -> String {
        let outcome = try bench.run(
            "generate --checkpoint \(from) \(flags)", prompts.flatMap { ["--prompt", $0] })
        #expect(outcome.status == 0, "\(outcome)")
        #expect(outcome.stderr.isEmpty, "\(outcome)")
        return outcome.stdout
    }

    @Test func printsThePromptAndTheRequestedLength() throws {
        let text = try generate("--length 300", prompts: "the fox")
        #expect(text.hasPrefix("the fox") && text.hasSuffix("\n"))
        #expect(text.unicodeScalars.count == "the fox".count + 300 + 1)
        // If [UNK] weren't excluded, an untrained model would draw it about ten times.
        #expect(vocabulary.isSuperset(of: text.unicodeScalars))
        #expect(!text.contains("[UNK]"))
    }

    @Test func promptsInABatchAreIndependent() throws {
        let both = try generate("--length 40 --greedy", prompts: "the", "a dog")
        let first = try generate("--length 40 --greedy", prompts: "the")
        let second = try generate("--length 40 --greedy", prompts: "a dog")
        #expect(both == first + second)
    }

    @Test func lengthZeroPrintsOnlyThePrompts() throws {
        #expect(try generate("--length 0", prompts: "the\nfox", "dog") == "the\nfox\ndog\n")
    }

    @Test func seedGreedyAndTemperatureAffectTheText() throws {
        let text = try generate("--length 60", prompts: "the")
        #expect(try generate("--length 60 --seed 42", prompts: "the") == text)
        #expect(try generate("--length 60 --seed 43", prompts: "the") != text)
        let greedy = try generate("--length 60 --greedy", prompts: "the")
        #expect(try generate("--length 60 --greedy --seed 43", prompts: "the") == greedy)
        #expect(greedy != text)
        // Near temperature 0, only the likeliest character is drawn.
        #expect(try generate("--length 60 --temperature 0.000001", prompts: "the") == greedy)
        #expect(try generate("--length 60 --temperature 0.000001 --threads 1", prompts: "the") == greedy)
    }

    @Test func unknownPromptCharactersAreNamed() throws {
        let outcome = try bench.run("generate --checkpoint training_checkpoints", ["--prompt", "the QuæQ"])
        expectRejected(outcome, 64, "\"Q\" (U+0051), \"æ\" (U+00E6) of")
        #expect(outcome.stdout.isEmpty)
    }

    @Test func anExportedGeneratorPrintsTheSameText() throws {
        let exported = try bench.run("export --checkpoint training_checkpoints --output out/gen")
        #expect(exported.status == 0, "\(exported)")
        #expect(exported.stdout == "out/gen/generator.safetensors\n")
        #expect(try bench.names(in: "out/gen") == ["generator.safetensors"])
        #expect(try bench.tensors("out/gen/generator.safetensors").keys.allSatisfy { !$0.hasPrefix("adam.") })
        let text = try generate("--length 100", prompts: "the")
        #expect(try generate("--length 100", prompts: "the", from: "out/gen") == text)
        #expect(try generate("--length 100", prompts: "the", from: "out/gen/generator.safetensors") == text)
    }

    @Test func replacingAnExportNeedsOverwrite() throws {
        try bench.train("--seed 2 --max-steps 1 --checkpoint-dir other")
        try bench.run("export --checkpoint training_checkpoints --output out")
        let before = try bench.read("out/generator.safetensors")
        expectRejected(
            try bench.run("export --checkpoint other --output out"), 64, "out/generator.safetensors", "--overwrite")
        #expect(try bench.read("out/generator.safetensors") == before)
        #expect(try bench.run("export --checkpoint other --output out --overwrite").status == 0)
        #expect(try bench.read("out/generator.safetensors") != before)
    }

    private struct Report: Decodable {
        let loss: Double
        let bits_per_character: Double
        let perplexity: Double
        let characters: Int
    }

    @Test func evaluationMeasuresAreConsistent() throws {
        let outcome = try bench.run("evaluate --checkpoint training_checkpoints --data text.txt --json")
        #expect(outcome.status == 0, "\(outcome)")
        let report = try JSONDecoder().decode(Report.self, from: Data(outcome.stdout.utf8))
        let uniformLoss = log(Double(Bench.vocabularySize))
        #expect(abs(report.loss - uniformLoss) < 0.05 * uniformLoss)
        #expect(abs(report.loss - log(report.perplexity)) < 1e-9)
        #expect(abs(report.bits_per_character - report.loss / log(2)) < 1e-9)
        // The first character has no prediction.
        #expect(report.characters == Bench.text.unicodeScalars.count - 1)
        let text = try bench.run("evaluate --checkpoint training_checkpoints --data text.txt").stdout
        #expect(text.contains(String(format: "loss %.4f nats", report.loss)), "\(text)")
        #expect(text.contains(String(format: "perplexity %.4f", report.perplexity)), "\(text)")
    }

    @Test func trainingLowersTheLoss() throws {
        try bench.train("--checkpoint-dir trained --epochs 10 --learning-rate 0.02")
        func loss(_ checkpoint: String) throws -> Double {
            let outcome = try bench.run("evaluate --checkpoint \(checkpoint) --data text.txt --json")
            return try JSONDecoder().decode(Report.self, from: Data(outcome.stdout.utf8)).loss
        }
        #expect(try loss("trained") < 0.6 * loss("training_checkpoints"))
    }
}
