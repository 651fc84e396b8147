import DTrainCore
import DistributedTesting
import Foundation
import Testing

/// `--precision bf16` from the outside; SameBitsTests has its ranks and threads.
@Suite(.serialized)
struct PrecisionTests {
    @Test(.withBF16, arguments: Launch.each)
    func aResumedTrainingEndsWithTheSameBits(launch: Launch) throws {
        let bench = try Bench()
        try bench.train("--precision bf16 --checkpoint-dir whole --metrics whole.jsonl")
        try bench.train("--precision bf16 --checkpoint-dir parts --metrics parts.jsonl --max-steps 17", on: launch)
        expectRefusal(
            try bench.tryToTrain("--checkpoint-dir parts --resume"), 64, "--precision bf16, not fp32")
        try bench.train("--precision bf16 --checkpoint-dir parts --metrics parts.jsonl --resume")
        #expect(try bench.tensors("parts/ckpt_2.safetensors") == bench.tensors("whole/ckpt_2.safetensors"))
        #expect(try bench.read("parts/ckpt_2.safetensors") == bench.read("whole/ckpt_2.safetensors"))
        #expect(try Metrics(bench.read("parts.jsonl")).losses == Metrics(bench.read("whole.jsonl")).losses)
    }

    /// With the limit, oneDNN takes any CPU for one without bf16.
    @Test(arguments: Launch.each)
    func withoutTheInstructionsNothingIsTrained(launch: Launch) throws {
        let bench = try Bench()
        let limit = ["ONEDNN_MAX_CPU_ISA": "AVX2"]
        let outcome = try bench.run(
            Bench.train("--precision bf16 --metrics metrics.jsonl"), on: launch, environment: limit)
        expectRefusal(outcome, 64, "no bf16 instructions", "--precision fp32", on: launch)
        #expect(outcome.stdout.isEmpty || !outcome.stdout.contains("Epoch"), "\(outcome)")
        #expect(!bench.exists("training_checkpoints") && !bench.exists("metrics.jsonl"))
        let other = try bench.run(Bench.train("--max-steps 1"), on: launch, environment: limit)
        #expect(other.status == 0, "\(other)")
    }

    /// Weights and moments are float32 all along: saved in full, and any machine can use them.
    @Test(.withBF16) func checkpointsAreFloat32AndGenerate() throws {
        let bench = try Bench()
        try bench.train("--precision bf16 --epochs 4 --learning-rate 0.02")
        let path = "training_checkpoints/ckpt_4.safetensors"
        let header = try JSONSerialization.jsonObject(with: header(of: try bench.read(path)))
        let tensors = try #require(header as? [String: [String: Any]]).filter { $0.key != "__metadata__" }
        #expect(tensors.count == 3 * 6)
        #expect(tensors.allSatisfy { $0.value["dtype"] as? String == "F32" })
        // Numbers that bf16 has have 16 zeros at the end.
        for (name, bits) in try bench.tensors(path) {
            #expect(bits.contains { $0 & 0xFFFF != 0 }, "\(name)")
        }
        let environment = ["ONEDNN_MAX_CPU_ISA": "AVX2"]
        let line = "generate --checkpoint training_checkpoints --greedy --length 40 --prompt the"
        let texts = try [[:], environment].map { try bench.run(line, environment: $0) }
        for text in texts {
            #expect(text.status == 0 && text.stderr.isEmpty, "\(text)")
            #expect(text.stdout.hasPrefix("the") && text.stdout.unicodeScalars.count == 3 + 40 + 1, "\(text)")
        }
    }

    @Test(.withBF16) func promptsOfABatchDoNotMeetInBF16Either() throws {
        let bench = try Bench()
        try bench.train("--epochs 2 --learning-rate 0.02")
        let line = "generate --checkpoint training_checkpoints --precision bf16 --seed 5 --length 40 --prompt the"
        let alone = try bench.run(line)
        let together = try bench.run("\(line) --prompt quick")
        #expect(alone.status == 0 && together.status == 0, "\(alone) \(together)")
        #expect(alone.stdout.unicodeScalars.count == 3 + 40 + 1)
        #expect(together.stdout.hasPrefix(alone.stdout))
        let limit = ["ONEDNN_MAX_CPU_ISA": "AVX2"]
        expectRefusal(try bench.run(line, environment: limit), 64, "no bf16 instructions", "--precision fp32")
    }

    /// The JSON after eight bytes that tell its length.
    private func header(of file: Data) throws -> Data {
        try #require(file.count > 8)
        let count = file.prefix(8).reversed().reduce(0) { $0 << 8 | Int($1) }
        try #require(file.count > 8 + count)
        return file.dropFirst(8).prefix(count)
    }
}
