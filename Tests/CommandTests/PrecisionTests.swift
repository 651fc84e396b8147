import DTrainCore
import DistributedTesting
import Foundation
import Testing

/// `--precision bf16` on the command line.
///
/// SameBitsTests covers ranks and threads, InstructionSetTests the CPU's instructions,
/// CombinationTests the resume.
@Suite(.serialized)
struct PrecisionTests {
    /// Weights and moments stay float32, are saved without rounding, and work on any machine.
    @Test func checkpointsAreFloat32AndWorkOnAnyMachine() throws {
        let bench = try Bench()
        try bench.train("--precision bf16 --epochs 4 --learning-rate 0.02")
        let path = "training_checkpoints/ckpt_4.safetensors"
        let header = try JSONSerialization.jsonObject(with: header(of: try bench.read(path)))
        let tensors = try #require(header as? [String: [String: Any]]).filter { $0.key != "__metadata__" }
        #expect(tensors.count == 3 * 6)
        #expect(tensors.allSatisfy { $0.value["dtype"] as? String == "F32" })
        // A float32 that is exact in bf16 has 16 trailing zero bits.
        for (name, bits) in try bench.tensors(path) {
            #expect(bits.contains { $0 & 0xFFFF != 0 }, "\(name)")
        }
        let environment = [InstructionSet.limitVariable: "generic"]
        let line = "generate --checkpoint training_checkpoints --greedy --length 40 --prompt the"
        let texts = try [[:], environment].map { try bench.run(line, environment: $0) }
        for text in texts {
            #expect(text.status == 0 && text.stderr.isEmpty, "\(text)")
            #expect(text.stdout.hasPrefix("the") && text.stdout.unicodeScalars.count == 3 + 40 + 1, "\(text)")
        }
    }

    @Test func promptsInABatchAreIndependentInBF16() throws {
        let bench = try Bench()
        try bench.train("--epochs 2 --learning-rate 0.02")
        let line = "generate --checkpoint training_checkpoints --precision bf16 --seed 5 --length 40 --prompt the"
        let alone = try bench.run(line)
        let together = try bench.run("\(line) --prompt quick")
        #expect(alone.status == 0 && together.status == 0, "\(alone) \(together)")
        #expect(alone.stdout.unicodeScalars.count == 3 + 40 + 1)
        #expect(together.stdout.hasPrefix(alone.stdout))
    }

    /// The JSON header, which follows eight bytes with its length.
    private func header(of file: Data) throws -> Data {
        try #require(file.count > 8)
        let count = file.prefix(8).reversed().reduce(0) { $0 << 8 | Int($1) }
        try #require(file.count > 8 + count)
        return file.dropFirst(8).prefix(count)
    }
}
