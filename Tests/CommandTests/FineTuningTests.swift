import DTrainCore
import DistributedTesting
import Foundation
import Testing

/// Fine-tuning on another text, with new characters and frozen layers.
@Suite(.serialized)
struct FineTuningTests {
    private let bench: Bench
    /// 20 lines of 50 characters; É, é and ß are new.
    private static let accents = String(
        repeating: "le renard gris saute; Émile a été là où ß est né\n", count: 24)
    private static let new = Set(accents.unicodeScalars).subtracting(Bench.text.unicodeScalars).sorted()

    init() throws {
        bench = try Bench()
        try bench.write(Self.accents, to: "accents.txt")
        try bench.train("--epochs 1 --checkpoint-dir old")
    }

    private static let flags = "--data accents.txt --init old --extend-vocabulary"

    private func vocabulary(_ path: String) throws -> [String] {
        try Checkpoint(path: bench.path(path)).metadata.vocabulary
    }

    @Test func newCharactersAreAppendedToTheVocabulary() throws {
        let size = Bench.vocabularySize
        let outcome = try bench.train("\(Self.flags) --epochs 1 --checkpoint-dir next")
        let count = Self.new.count
        #expect(count > 4 && outcome.stdout.contains("vocabulary \(size + count),"), "\(outcome)")
        #expect(
            outcome.stderr.contains("\(count) characters of 'accents.txt' are new: ids from \(size) on"), "\(outcome)")
        #expect(!outcome.stderr.contains("warning"), "\(outcome)")
        let old = try vocabulary("old/ckpt_1.safetensors")
        #expect(try vocabulary("next/ckpt_1.safetensors") == old + Self.new.map { String($0) })
        #expect(try Safetensors(path: bench.path("next/ckpt_1.safetensors")).metadata["format_version"] == "2")
        #expect(try Safetensors(path: bench.path("old/ckpt_1.safetensors")).metadata["format_version"] == "1")
        // Every command accepts the extended model.
        let generated = try bench.run("generate --checkpoint next --length 30", ["--prompt", "Émile"])
        #expect(generated.status == 0 && generated.stdout.hasPrefix("Émile"), "\(generated)")
        #expect(try bench.run("export --checkpoint next --output out").status == 0)
        let exported = try bench.run("generate --checkpoint out --length 30", ["--prompt", "Émile"])
        #expect(exported.stdout == generated.stdout)
        let evaluated = try bench.run("evaluate --checkpoint out --data accents.txt text.txt")
        #expect(evaluated.status == 0 && evaluated.stderr.contains(" 0 unknown"), "\(evaluated)")
        let list = try JSONSerialization.data(withJSONObject: vocabulary("next/ckpt_1.safetensors"))
        try bench.write(list, to: "list.json")
        #expect(try bench.run("evaluate --checkpoint out --data accents.txt --vocabulary list.json").status == 0)
        // The ids of the extended vocabulary aren't in sorted order.
        try bench.write(Bench.text + Self.accents, to: "both.txt")
        expectRejected(
            try bench.run("evaluate --checkpoint out --data accents.txt --vocabulary both.txt"), 64, "--vocabulary")
    }

    @Test(.enabled(if: MPIRun.isAvailable, "mpirun isn't installed"))
    func fineTuningWithFrozenLayersResumesOnOtherRanks() throws {
        let flags = "\(Self.flags) --freeze gru --optimizer adamw --clip-norm 0.1 --epochs 2"
        let outcome = try bench.train("\(flags) --checkpoint-dir whole --metrics whole.jsonl")
        #expect(outcome.stderr.contains("--freeze: gru will stay as it is"), "\(outcome)")
        try bench.train("\(flags) --checkpoint-dir parts --metrics parts.jsonl --max-steps 17", on: .ranks(3))
        let resumed = try bench.train(
            "--data accents.txt --resume --checkpoint-dir parts --metrics parts.jsonl", on: .ranks(2))
        #expect(!resumed.stderr.contains("--freeze"), "\(resumed)")
        #expect(try bench.read("parts/ckpt_2.safetensors") == bench.read("whole/ckpt_2.safetensors"))
        #expect(try bench.read("parts.jsonl").count > 0)
        let before = try bench.tensors("old/ckpt_1.safetensors")
        let after = try bench.tensors("whole/ckpt_2.safetensors")
        for (name, bits) in before where name.hasPrefix("gru.") { #expect(after[name] == bits, "\(name)") }
        for (name, bits) in after where name.hasPrefix("adam.") && name.contains(".gru.") {
            #expect(bits.allSatisfy { $0 == 0 }, "\(name)")
        }
        // The slots of the trained layers aren't zero.
        #expect(after["adam.v.dense.bias"]?.contains { $0 != 0 } == true)
        #expect(after["dense.bias"]?.prefix(Bench.vocabularySize) != before["dense.bias"]?[...])
    }

    @Test func frozenLayersCanChangeOnResumeWithANotice() throws {
        try bench.train("--freeze embedding --max-steps 3 --checkpoint-dir next")
        let outcome = try bench.train("--freeze none --max-steps 5 --resume --checkpoint-dir next")
        #expect(outcome.stderr.contains("--freeze changes from embedding to none"), "\(outcome)")
        let other = try bench.train("--freeze dense,gru_0 --max-steps 6 --resume --checkpoint-dir next")
        #expect(other.stderr.contains("--freeze changes from none to dense,gru_0"), "\(other)")
        let (before, after) = (
            try bench.tensors("next/ckpt_1_5.safetensors"), try bench.tensors("next/ckpt_1_6.safetensors")
        )
        for (name, bits) in before {
            #expect((after[name] == bits) == !name.contains("embedding"), "\(name)")
        }
    }

    @Test(arguments: Launch.each) func invalidFrozenLayersAreRejected(launch: Launch) throws {
        expectRejected(
            try bench.tryToTrain("--freeze head --checkpoint-dir next", on: launch), 64, "no layer 'head'",
            "embedding, gru, gru_0, dense", on: launch)
        expectRejected(
            try bench.tryToTrain("--freeze embedding,gru,dense --checkpoint-dir next", on: launch), 64,
            "leaves nothing to train", on: launch)
        #expect(!bench.exists("next"))
    }

    @Test(arguments: ["", "--resume", "--resume-from old"]) func extendVocabularyNeedsInit(start: String) throws {
        expectRejected(
            try bench.tryToTrain("--extend-vocabulary --checkpoint-dir next \(start)"), 64,
            "has an effect only with --init", "leave it out")
        #expect(!bench.exists("next"))
    }

    @Test func withoutNewCharactersNothingIsExtended() throws {
        let outcome = try bench.train("--init old --extend-vocabulary --max-steps 2 --checkpoint-dir extended")
        let notice = "'old/ckpt_1.safetensors' already has every character of 'text.txt'"
        #expect(outcome.stderr.contains(notice), "\(outcome)")
        try bench.train("--init old --max-steps 2 --checkpoint-dir plain")
        #expect(try bench.read("extended/ckpt_1_2.safetensors") == bench.read("plain/ckpt_1_2.safetensors"))
    }

    @Test func unknownCharactersCauseAHintToExtendTheVocabulary() throws {
        let outcome = try bench.train("--data accents.txt --init old --max-steps 2 --checkpoint-dir next")
        #expect(outcome.stderr.contains("trained as [UNK]; learn them with --extend-vocabulary"), "\(outcome)")
        let resumed = try bench.train("--data accents.txt --resume --max-steps 3 --checkpoint-dir next")
        #expect(resumed.stderr.contains("trained as [UNK]") && !resumed.stderr.contains("--extend"), "\(resumed)")
    }
}
