import Core
import DistributedTesting
import Testing

/// The same bits on many ranks, for every kind of model and for batches that don't divide evenly.
@Suite(.serialized, .enabled(if: MPIRun.isAvailable, "mpirun isn't installed"))
struct WideBitsTests {
    /// What is trained.
    struct Work: Sendable, CustomTestStringConvertible {
        let cell: String
        let layers: Int
        let precision: Precision
        /// In micro-batches of 2.
        let batchSize: Int

        var flags: String {
            "--cell \(cell) --layers \(layers) --precision \(precision.rawValue) --batch-size \(batchSize) --rnn-units 50"
        }
        var testDescription: String { flags }
    }

    private static let hasBF16 = (try? Precision.bf16.requireSupport()) != nil

    /// Under torture all; of 3 sequences three ranks of five have none, 9 have a short last micro-batch, 16 deal out evenly
    /// to 1, 2, 4 and 8.
    static let work: [Work] =
        Torture.isOn
        ? ["gru", "lstm"].flatMap { cell in
            [1, 2].flatMap { layers in
                [Precision.fp32, .bf16].filter { $0 == .fp32 || hasBF16 }.flatMap { precision in
                    [3, 9, 16].map { Work(cell: cell, layers: layers, precision: precision, batchSize: $0) }
                }
            }
        }
        : [
            Work(cell: "gru", layers: 2, precision: .fp32, batchSize: 9),
            Work(cell: "lstm", layers: 1, precision: hasBF16 ? .bf16 : .fp32, batchSize: 3),
        ]

    /// Ranks and threads of each.
    static let launches: [(ranks: Int, threads: Int)] =
        Torture.isOn ? [1, 2, 3, 4, 5, 8].flatMap { [($0, 1), ($0, 2)] } : [(3, 2), (8, 1)]

    @Test(arguments: work)
    func weightsAndMomentsDoNotShowWhoComputed(_ work: Work) throws {
        let bench = try Bench()
        let flags = "\(work.flags) --max-steps 4"
        try bench.train("\(flags) --threads 1 --checkpoint-dir alone")
        let expected = try bench.tensors("alone/ckpt_1_4.safetensors")
        #expect(
            expected.keys.contains { $0.hasPrefix("adam.m.") } && expected.keys.contains { $0.hasPrefix("adam.v.") })
        for (ranks, threads) in Self.launches {
            let folder = "ranks\(ranks)x\(threads)"
            try bench.train("\(flags) --threads \(threads) --checkpoint-dir \(folder)", on: .ranks(ranks))
            #expect(try bench.tensors("\(folder)/ckpt_1_4.safetensors") == expected, "\(folder)")
        }
    }

    @Test(arguments: work)
    func neitherDoesAChangeOfRanksInTheMiddle(_ work: Work) throws {
        let bench = try Bench()
        try bench.train("\(work.flags) --max-steps 4 --threads 1 --checkpoint-dir alone")
        let expected = try bench.tensors("alone/ckpt_1_4.safetensors")
        for (saved, resumed) in Torture.isOn ? [(1, 8), (2, 3), (5, 4), (8, 2), (3, 1), (4, 5)] : [(4, 5)] {
            let flags = "\(work.flags) --checkpoint-dir from\(saved)to\(resumed)"
            try bench.train("\(flags) --max-steps 2", on: .ranks(saved))
            try bench.train("\(flags) --max-steps 4 --resume --threads 2", on: .ranks(resumed))
            #expect(
                try bench.tensors("from\(saved)to\(resumed)/ckpt_1_4.safetensors") == expected, "\(saved), \(resumed)")
        }
    }
}
