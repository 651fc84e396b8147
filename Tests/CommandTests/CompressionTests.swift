import DistributedTesting
import Testing

/// `--gradient-compression` on a small model.
@Suite(.serialized)
struct GradientCompressionTests {
    @Test(.enabled(if: MPIRun.isAvailable, "mpirun isn't installed"), arguments: [2, 3])
    func lossesStayCloseToThoseWithoutCompression(ranks: Int) throws {
        let bench = try Bench()
        let flags = "--batch-size 8 --micro-batch-size 2 --epochs 2 --rnn-units 32"
        try bench.train("\(flags) --checkpoint-dir plain --metrics plain.jsonl", on: .ranks(ranks))
        let outcome = try bench.train(
            "\(flags) --checkpoint-dir short --metrics short.jsonl --gradient-compression bf16", on: .ranks(ranks))
        #expect(outcome.stdout.contains("gradients are exchanged in bf16: "), "\(outcome)")
        let plain = try Metrics(bench.read("plain.jsonl")).losses
        let short = try Metrics(bench.read("short.jsonl")).losses
        #expect(plain.count == 2 * Bench.stepsPerEpoch && short.count == plain.count)
        // The first losses come from the same weights and differ only by the order of a few
        // additions.
        #expect(abs(plain[0] - short[0]) < 1e-5)
        for (left, right) in zip(plain, short) { #expect(abs(left - right) < 0.02) }
        #expect(try bench.read("short/ckpt_2.safetensors") != bench.read("plain/ckpt_2.safetensors"))
    }

    @Test(.enabled(if: MPIRun.isAvailable, "mpirun isn't installed"))
    func resumingReportsLostRoundingRemainders() throws {
        let bench = try Bench()
        try bench.train("--max-steps 3", on: .ranks(2))
        let notice = "the rounding errors of the gradients were not saved"
        let plain = try bench.train("--max-steps 4 --resume", on: .ranks(2))
        #expect(!plain.stderr.contains(notice), "\(plain)")
        let flags = "--resume --gradient-compression bf16 --max-steps"
        let short = try bench.train("\(flags) 5", on: .ranks(2))
        #expect(short.stderr.components(separatedBy: notice).count == 2, "\(short)")
        let alone = try bench.train("\(flags) 6")
        #expect(!alone.stderr.contains(notice), "\(alone)")
    }

    @Test func compressionHasNoEffectOnASingleProcess() throws {
        let bench = try Bench()
        let outcome = try bench.train("--max-steps 3 --checkpoint-dir short --gradient-compression bf16")
        #expect(!outcome.stdout.contains("exchanged in bf16"), "\(outcome)")
        try bench.train("--max-steps 3 --checkpoint-dir plain")
        #expect(try bench.read("short/ckpt_1_3.safetensors") == bench.read("plain/ckpt_1_3.safetensors"))
    }

    @Test func compressionWithMPIAllreduceIsRejected() throws {
        let outcome = try Bench().run("train --data text.txt --allreduce mpi --gradient-compression bf16")
        #expect(outcome.status == 64, "\(outcome)")
        #expect(outcome.stderr.contains("--gradient-compression"), "\(outcome)")
    }
}
