import Core
import DistributedTesting
import Testing

/// Who computes what is no matter: weights and Adam's moments come out bit for bit the same.
@Suite(.serialized)
struct SameBitsTests {
    /// 7 sequences in micro-batches of 2 make four micro-batches with a short last one: on 5 ranks one has none.
    @Test(arguments: ["--layers 2", "--cell lstm"])
    func ranksAndThreadsDoNotShow(model: String) throws {
        let bench = try Bench()
        let flags = "--batch-size 7 --epochs 1 \(model)"
        var runs: [(Launch, String)] = [(.alone, "--threads 1"), (.alone, "--threads 2"), (.alone, "--threads 3")]
        if MPIRun.isAvailable {
            runs += (1...5).map { (.ranks($0), "--threads 1") } + [(.ranks(2), "--threads 2")]
        }
        for (index, (launch, threads)) in runs.enumerated() {
            try bench.train("\(flags) \(threads) --checkpoint-dir run\(index)", on: launch)
        }
        let first = try bench.tensors("run0/ckpt_1.safetensors")
        #expect(first.keys.contains("adam.v.dense.kernel") && first.keys.contains("embedding.embeddings"))
        for (index, (launch, threads)) in runs.enumerated().dropFirst() {
            #expect(try bench.tensors("run\(index)/ckpt_1.safetensors") == first, "\(launch), \(threads)")
            // The metadata (losses, settings) is the same, too, so the files are.
            #expect(
                try bench.read("run\(index)/ckpt_1.safetensors") == bench.read("run0/ckpt_1.safetensors"),
                "\(launch), \(threads)")
        }
    }

    @Test func seedAndMicroBatchSizeDoShow() throws {
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

    @Test func whatHappensOnTheSideDoesNotShow() throws {
        let bench = try Bench()
        try bench.train("--checkpoint-dir plain --quiet")
        try bench.train("--checkpoint-dir busy --checkpoint-every-steps 1 --keep 1 --metrics metrics.jsonl")
        #expect(try bench.read("busy/ckpt_2.safetensors") == bench.read("plain/ckpt_2.safetensors"))
    }
}
