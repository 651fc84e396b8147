import DTrainCore
import DistributedTesting
import Testing

/// The same bits on many ranks, for every kind of model and for batches that don't divide evenly.
@Suite(.serialized, .enabled(if: MPIRun.isAvailable, "mpirun isn't installed"))
struct WideBitsTests {
    @Test(arguments: WideTrial.all)
    func anyRanksAndThreadsGiveTheSameBits(_ trial: WideTrial) throws {
        try expectSameBits("\(trial.work.flags) --max-steps 4", steps: 4, trial.launches)
    }

    @Test(arguments: WideChange.all)
    func changingTheNumberOfRanksMidRunKeepsTheBits(_ change: WideChange) throws {
        let bench = try Bench()
        let flags = change.work.flags
        try bench.train("\(flags) --max-steps 4 --threads 1 --checkpoint-dir alone")
        let expected = try bench.tensors("alone/ckpt_1_4.safetensors")
        for (saved, resumed) in change.ranks {
            let folder = "from\(saved)to\(resumed)"
            try bench.train("\(flags) --checkpoint-dir \(folder) --max-steps 2", on: .ranks(saved))
            try bench.train(
                "\(flags) --checkpoint-dir \(folder) --max-steps 4 --resume --threads 2", on: .ranks(resumed))
            #expect(try bench.tensors("\(folder)/ckpt_1_4.safetensors") == expected, "\(folder)")
        }
    }

    /// With 512 units the gradient is sent in several blocks during the computation; with fewer
    /// units it is a single block.
    @Test(arguments: Precision.allCases)
    func overlappingTheGradientExchangeKeepsTheBits(precision: Precision) throws {
        let flags = "--rnn-units 512 --batch-size 5 --seq-length 4 --precision \(precision.rawValue) --max-steps 2"
        try expectSameBits(flags, steps: 2, precision == .fp32 ? [(2, 1), (3, 2), (8, 1)] : [(2, 2), (3, 1)])
    }

    /// The default trials cover every pair of properties; few bugs need three.
    @Test(.enabled(if: !Torture.isOn, "all combinations run"))
    func defaultTrialsCoverAllPairs() {
        let rows = WideTrial.all.flatMap { trial in
            trial.launches.map { trial.work.properties + [$0.ranks, $0.threads] }
        }
        let values = [[0, 1], [1, 2], [0, 1], [3, 9, 16], [2, 3, 4, 5, 8], [1, 2]]
        for left in values.indices {
            for right in values.indices where right > left {
                for (a, b) in values[left].flatMap({ a in values[right].map { (a, $0) } }) {
                    #expect(rows.contains { $0[left] == a && $0[right] == b }, "\(left): \(a), \(right): \(b)")
                }
            }
        }
    }

    /// Trains on one thread and with each launch; the last checkpoints must have the same bits.
    private func expectSameBits(_ flags: String, steps: Int, _ launches: [(ranks: Int, threads: Int)]) throws {
        let bench = try Bench()
        let file = "ckpt_1_\(steps).safetensors"
        try bench.train("\(flags) --threads 1 --checkpoint-dir alone")
        let expected = try bench.tensors("alone/\(file)")
        #expect(
            expected.keys.contains { $0.hasPrefix("adam.m.") } && expected.keys.contains { $0.hasPrefix("adam.v.") })
        for (ranks, threads) in launches {
            let folder = "ranks\(ranks)x\(threads)"
            try bench.train("\(flags) --threads \(threads) --checkpoint-dir \(folder)", on: .ranks(ranks))
            #expect(try bench.tensors("\(folder)/\(file)") == expected, "\(folder)")
        }
    }
}

/// The model, precision and batch of a training.
struct WideWork: Sendable {
    let cell: String
    let layers: Int
    let precision: Precision
    /// Sequences per step, in micro-batches of 2.
    ///
    /// With 3 sequences, three of five ranks have none. 9 have a short last micro-batch. 16 divide
    /// evenly among 1, 2, 4 and 8.
    let batchSize: Int

    init(_ cell: String, _ layers: Int, _ precision: Precision, _ batchSize: Int) {
        (self.cell, self.layers, self.precision, self.batchSize) = (cell, layers, precision, batchSize)
    }

    var flags: String {
        "--cell \(cell) --layers \(layers) --precision \(precision.rawValue) --batch-size \(batchSize) --rnn-units 50"
    }

    var properties: [Int] { [cell == "gru" ? 0 : 1, layers, precision == .fp32 ? 0 : 1, batchSize] }

    /// All combinations.
    static let all = ["gru", "lstm"].flatMap { cell in
        [1, 2].flatMap { layers in
            Precision.allCases.flatMap { precision in
                [3, 9, 16].map { WideWork(cell, layers, precision, $0) }
            }
        }
    }
}

/// A training, and the ranks and threads to run it on.
struct WideTrial: Sendable, CustomTestStringConvertible {
    let work: WideWork
    let launches: [(ranks: Int, threads: Int)]
    var testDescription: String { "\(work.flags), \(launches)" }

    /// Torture runs use every training on every number of ranks; other runs cover each pair of
    /// properties.
    static let all: [WideTrial] =
        Torture.isOn
        ? WideWork.all.map { work in
            WideTrial(work: work, launches: [1, 2, 3, 4, 5, 8].flatMap { [($0, 1), ($0, 2)] })
        }
        : [
            WideTrial(work: WideWork("gru", 1, .fp32, 16), launches: [(4, 2), (3, 1), (2, 2)]),
            WideTrial(work: WideWork("gru", 1, .bf16, 9), launches: [(2, 2), (8, 1), (3, 2)]),
            WideTrial(work: WideWork("gru", 2, .fp32, 3), launches: [(2, 1), (8, 2)]),
            WideTrial(work: WideWork("gru", 2, .bf16, 3), launches: [(5, 2), (4, 1)]),
            WideTrial(work: WideWork("lstm", 1, .fp32, 3), launches: [(3, 2), (2, 1)]),
            WideTrial(work: WideWork("lstm", 1, .bf16, 9), launches: [(4, 1), (5, 2)]),
            WideTrial(work: WideWork("lstm", 2, .fp32, 9), launches: [(3, 1), (5, 2)]),
            WideTrial(work: WideWork("lstm", 2, .bf16, 16), launches: [(8, 2), (5, 1)]),
        ]
}

/// A training that is saved on some number of ranks and resumed on another.
struct WideChange: Sendable, CustomTestStringConvertible {
    let work: WideWork
    let ranks: [(saved: Int, resumed: Int)]
    var testDescription: String { "\(work.flags), \(ranks)" }

    static let all: [WideChange] =
        Torture.isOn
        ? WideWork.all.map { WideChange(work: $0, ranks: [(1, 8), (2, 3), (5, 4), (8, 2), (3, 1), (4, 5)]) }
        : [
            WideChange(work: WideWork("gru", 1, .fp32, 9), ranks: [(2, 3)]),
            WideChange(work: WideWork("gru", 2, .bf16, 16), ranks: [(4, 5)]),
            WideChange(work: WideWork("lstm", 2, .fp32, 3), ranks: [(8, 1)]),
            WideChange(work: WideWork("lstm", 1, .bf16, 9), ranks: [(3, 2)]),
        ]
}
