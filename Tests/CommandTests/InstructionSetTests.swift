import DTrainCore
import DistributedTesting
import Foundation
import Testing

/// `DTRAIN_MAX_ISA` from the outside.
@Suite(.serialized)
struct InstructionSetTests {
    private func environment(_ set: InstructionSet) -> [String: String] { [InstructionSet.limitVariable: set.rawValue] }

    /// On any instruction set of this CPU, by any number of ranks and threads: weights, moments and losses.
    @Test(
        .enabled(if: InstructionSet.hasFusedMultiplyAdd, "this CPU has no fused multiply-add"),
        arguments: [
            "--cell gru --rnn-units 70 --clip-norm 0.5", "--cell lstm --layers 2 --rnn-units 33",
            "--cell rnn --rnn-units 130",
            "--cell gru --layers 2 --rnn-units 64 --precision bf16 --embedding-dim 7",
        ])
    func weightsDoNotShowTheInstructionSet(flags: String) throws {
        let bench = try Bench()
        let work = Bench.train("\(flags) --max-steps 6 --learning-rate 0.02")
        // bf16 products of AVX512_BF16 have bits of their own.
        for set in InstructionSet.available where set != .avx512BF16 || !flags.contains("bf16") {
            // Four ranks with one of the models.
            let four: [Launch] = MPIRun.isAvailable && flags.contains("clip-norm") ? [.ranks(4)] : []
            for (index, launch) in (Launch.each + four).enumerated() {
                let name = "\(set.rawValue)\(index)"
                let outcome = try bench.run(
                    "\(work) --threads \(index + 1) --checkpoint-dir \(name) --metrics \(name).jsonl", on: launch,
                    environment: environment(set))
                #expect(outcome.status == 0 && outcome.stdout.contains(" \(set.rawValue) instructions"), "\(outcome)")
                #expect(
                    try bench.tensors("\(name)/ckpt_1_6.safetensors") == bench.tensors("generic0/ckpt_1_6.safetensors"),
                    "\(name)")
                #expect(
                    try bench.read("\(name)/ckpt_1_6.safetensors") == bench.read("generic0/ckpt_1_6.safetensors"),
                    "\(name)")
                #expect(
                    try Metrics(bench.read("\(name).jsonl")).losses == Metrics(bench.read("generic0.jsonl")).losses,
                    "\(name)")
            }
        }
    }

    @Test(.enabled(if: InstructionSet.hasFusedMultiplyAdd, "this CPU has no fused multiply-add"))
    func textDoesNotShowTheInstructionSet() throws {
        let bench = try Bench()
        try bench.train("--epochs 1 --learning-rate 0.02")
        for precision in Precision.allCases {
            let line =
                "generate --checkpoint training_checkpoints --precision \(precision.rawValue) --prompt the --length 60"
            let texts = try InstructionSet.available.filter { precision == .fp32 || $0 != .avx512BF16 }.map {
                try bench.run(line, environment: environment($0))
            }
            #expect(texts.allSatisfy { $0.status == 0 && $0.stdout == texts[0].stdout }, "\(texts)")
        }
    }

    @Test(arguments: Launch.each)
    func aSetThatIsNotThereIsRefused(launch: Launch) throws {
        let bench = try Bench()
        let work = Bench.train("--max-steps 1 --metrics metrics.jsonl")
        let unknown = try bench.run(work, on: launch, environment: [InstructionSet.limitVariable: "sse9"])
        expectRefusal(unknown, 64, "DTRAIN_MAX_ISA 'sse9'", "generic, avx2", on: launch)
        #expect(!bench.exists("training_checkpoints") && !bench.exists("metrics.jsonl"))
        guard let best = InstructionSet.available.last, best != .avx512BF16 else { return }
        let lacking = try bench.run(
            work, on: launch, environment: [InstructionSet.limitVariable: InstructionSet.avx512BF16.rawValue])
        expectRefusal(lacking, 64, "this CPU has \(best.rawValue) at most", "unset it", on: launch)
    }
}
