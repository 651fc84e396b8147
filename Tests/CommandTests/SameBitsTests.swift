import DTrainCore
import DistributedTesting
import Testing

/// Weights and Adam's moments have the same bits for any number of ranks and threads.
@Suite(.serialized)
struct SameBitsTests {
    /// 7 sequences in micro-batches of 2 make four micro-batches, the last one short; one of 5
    /// ranks has none.
    @Test(arguments: ["--layers 2", "--cell lstm"])
    func anyRanksAndThreadsGiveTheSameBits(model: String) throws {
        var runs: [(Launch, String)] = [(.alone, "--threads 1"), (.alone, "--threads 2"), (.alone, "--threads 3")]
        if MPIRun.isAvailable {
            runs += (1...5).map { (.ranks($0), "--threads 1") } + [(.ranks(2), "--threads 2")]
        }
        try expectSameFiles("--batch-size 7 --epochs 1 \(model)", runs)
    }

    /// More than two blocks of packed columns, the last one partial.
    @Test(arguments: ["--layers 2", "--cell lstm"])
    func anyRanksAndThreadsGiveTheSameBitsInBF16(model: String) throws {
        var runs: [(Launch, String)] = [(.alone, "--threads 1"), (.alone, "--threads 2"), (.alone, "--threads 3")]
        if MPIRun.isAvailable { runs += (1...3).map { (.ranks($0), "--threads 1") } }
        let flags = "--batch-size 7 --max-steps 5 --rnn-units 50 \(model)"
        let bench = try expectSameFiles("\(flags) --precision bf16", runs)
        try bench.train("\(flags) --checkpoint-dir fp32")
        let (rounded, plain) = (
            try bench.tensors("run0/ckpt_1_5.safetensors"), try bench.tensors("fp32/ckpt_1_5.safetensors")
        )
        #expect(rounded.keys == plain.keys && rounded.allSatisfy { $0.value != plain[$0.key] })
    }

    /// Team members with odd numbers of vectors and teams with a part of the rows, on one process
    /// and on ranks.
    @Test(arguments: ["fp32", "bf16"])
    func anyTeamsGiveTheSameBits(precision: String) throws {
        var runs: [(Launch, String)] = [
            (.alone, "--threads 1"), (.alone, "--threads 4 --members 2"), (.alone, "--threads 3 --members 3"),
            (.alone, "--threads 2 --members 1"),
        ]
        if MPIRun.isAvailable { runs.append((.ranks(2), "--threads 2 --members 2")) }
        try expectSameFiles(
            "--batch-size 7 --max-steps 5 --rnn-units 112 --layers 2 --precision \(precision)", runs)
    }

    /// Trains at most one epoch with each launch and flags; all checkpoints must be equal.
    @discardableResult
    private func expectSameFiles(_ flags: String, _ runs: [(Launch, String)]) throws -> Bench {
        let bench = try Bench()
        for (index, (launch, threads)) in runs.enumerated() {
            try bench.train("\(flags) \(threads) --checkpoint-dir run\(index)", on: launch)
        }
        let name = try #require(bench.names(in: "run0").first)
        let first = try bench.tensors("run0/\(name)")
        #expect(first.keys.contains("adam.v.dense.kernel") && first.keys.contains("embedding.embeddings"))
        for (index, (launch, threads)) in runs.enumerated().dropFirst() {
            #expect(try bench.tensors("run\(index)/\(name)") == first, "\(launch), \(threads)")
            // The metadata (losses, settings) is also the same, so the files are equal.
            #expect(
                try bench.read("run\(index)/\(name)") == bench.read("run0/\(name)"), "\(launch), \(threads)")
        }
        return bench
    }

    @Test func seedMicroBatchSizeAndShufflingChangeTheBits() throws {
        let bench = try Bench()
        let variants = ["", "--seed 43", "--micro-batch-size 3", "--no-shuffle", "--no-shuffle --seed 43"]
        for (index, flags) in variants.enumerated() {
            try bench.train("--epochs 1 --checkpoint-dir run\(index) \(flags)")
        }
        let all = try variants.indices.map { try bench.tensors("run\($0)/ckpt_1.safetensors") }
        for (index, tensors) in all.enumerated() {
            for other in all[..<index] { #expect(other != tensors, "\(variants[index])") }
        }
    }

    @Test func savesAndMetricsKeepTheBits() throws {
        let bench = try Bench()
        try bench.train("--checkpoint-dir plain --quiet")
        try bench.train("--checkpoint-dir busy --checkpoint-every-steps 1 --keep 1 --metrics metrics.jsonl")
        #expect(try bench.read("busy/ckpt_2.safetensors") == bench.read("plain/ckpt_2.safetensors"))
    }
}
