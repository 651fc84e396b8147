import DTrainCore
import DistributedTesting
import Foundation
import Testing

/// `DTRAIN_MAX_ISA` on the command line.
@Suite(.serialized)
struct InstructionSetTests {
    private func environment(_ set: InstructionSet) -> [String: String] { [InstructionSet.limitVariable: set.rawValue] }

    /// This CPU's instruction sets that compute the same bits; with bf16, pairs and tiles differ.
    private func setsWithEqualBits(_ precision: Precision) -> [InstructionSet] {
        InstructionSet.available.filter { precision == .fp32 || ![.avx512BF16, .amx].contains($0) }
    }

    /// Weights, moments and losses are the same for any instruction set, number of ranks and number
    /// of threads.
    @Test(
        .enabled(if: InstructionSet.hasFusedMultiplyAdd, "this CPU has no fused multiply-add"),
        arguments: [
            "--cell gru --rnn-units 70 --clip-norm 0.5", "--cell lstm --layers 2 --rnn-units 33",
            "--cell rnn --rnn-units 130",
            "--cell gru --layers 2 --rnn-units 64 --precision bf16 --embedding-dim 7",
        ])
    func weightsAreTheSameForEveryInstructionSet(flags: String) throws {
        let bench = try Bench()
        let work = Bench.train("\(flags) --max-steps 6 --learning-rate 0.02")
        let precision: Precision = flags.contains("bf16") ? .bf16 : .fp32
        let way = precision == .bf16 ? ", bf16 rounded (multiplied as float32" : ""
        for set in setsWithEqualBits(precision) {
            // Only one of the models runs on four ranks.
            let four: [Launch] = MPIRun.isAvailable && flags.contains("clip-norm") ? [.ranks(4)] : []
            for (index, launch) in (Launch.each + four).enumerated() {
                let name = "\(set.rawValue)\(index)"
                let outcome = try bench.run(
                    "\(work) --threads \(index + 1) --checkpoint-dir \(name) --metrics \(name).jsonl", on: launch,
                    environment: environment(set))
                let line = " \(set.rawValue) instructions\(way)"
                #expect(outcome.status == 0 && outcome.stdout.contains(line), "\(outcome)")
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
    func generatedTextIsTheSameForEveryInstructionSet() throws {
        let bench = try Bench()
        try bench.train("--epochs 1 --learning-rate 0.02")
        for precision in Precision.allCases {
            let line =
                "generate --checkpoint training_checkpoints --precision \(precision.rawValue) --prompt the --length 60"
            let texts = try setsWithEqualBits(precision).map { try bench.run(line, environment: environment($0)) }
            #expect(texts.allSatisfy { $0.status == 0 && $0.stdout == texts[0].stdout }, "\(texts)")
        }
    }

    /// The emulated AMX has the same bits for any number of ranks, threads and members, and equals
    /// the real one if present.
    @Test(
        .enabled(if: InstructionSet.hasFusedMultiplyAdd, "this CPU has no fused multiply-add"),
        arguments: ["--cell gru --layers 2 --rnn-units 48", "--cell lstm --rnn-units 50", "--cell rnn --rnn-units 64"])
    func emulatedTilesMatchThoseOfAMX(flags: String) throws {
        let bench = try Bench()
        let work = Bench.train("\(flags) --precision bf16 --batch-size 7 --max-steps 5 --learning-rate 0.02")
        let four: [Launch] = MPIRun.isAvailable ? [.ranks(4)] : []
        var runs: [(InstructionSet, Launch, String)] = [(.amxEmulated, .alone, "--threads 3")]
        runs += (Launch.each + four).map { (.amxEmulated, $0, "--threads 1") }
        if InstructionSet.available.contains(.amx) { runs += Launch.each.map { (.amx, $0, "--threads 2") } }
        for (index, (set, launch, threads)) in runs.enumerated() {
            let outcome = try bench.run(
                "\(work) \(threads) --checkpoint-dir run\(index)", on: launch, environment: environment(set))
            let line = " \(set.rawValue) instructions, bf16 tdpbf16ps\n"
            #expect(outcome.status == 0 && outcome.stdout.contains(line), "\(outcome)")
            #expect(
                try bench.read("run\(index)/ckpt_1_5.safetensors") == bench.read("run0/ckpt_1_5.safetensors"),
                "\(set), \(launch), \(threads)")
        }
        // Rounded operands give different bits.
        let rounded = try bench.run("\(work) --checkpoint-dir rounded", environment: environment(.generic))
        #expect(rounded.status == 0, "\(rounded)")
        #expect(
            try bench.tensors("rounded/ckpt_1_5.safetensors") != bench.tensors("run0/ckpt_1_5.safetensors"))
        let texts = try ["", "--threads 1", "--threads 2"].map {
            try bench.run(
                "generate --checkpoint run0 --precision bf16 --greedy --prompt the --prompt fox --length 30 \($0)",
                environment: environment(.amxEmulated))
        }
        #expect(texts.allSatisfy { $0.status == 0 && $0.stdout == texts[0].stdout }, "\(texts)")
        #expect(texts[0].stdout.hasPrefix("the"), "\(texts)")
    }

    @Test(arguments: Launch.each)
    func unavailableInstructionSetsAreRejected(launch: Launch) throws {
        let bench = try Bench()
        let work = Bench.train("--max-steps 1 --metrics metrics.jsonl")
        let unknown = try bench.run(work, on: launch, environment: [InstructionSet.limitVariable: "sse9"])
        expectRejected(unknown, 64, "DTRAIN_MAX_ISA 'sse9'", "generic, avx2", on: launch)
        #expect(!bench.exists("training_checkpoints") && !bench.exists("metrics.jsonl"))
        guard let best = InstructionSet.available.last, ![.avx512BF16, .amx].contains(best) else { return }
        let lacking = try bench.run(
            work, on: launch, environment: [InstructionSet.limitVariable: InstructionSet.avx512BF16.rawValue])
        expectRejected(lacking, 64, "this CPU has \(best.rawValue) at most", "unset it", on: launch)
    }
}
