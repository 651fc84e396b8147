import DistributedTesting
import Foundation
import Testing

/// Pairwise tests of options.
///
/// Every pair of choices occurs in a training that stops inside an epoch on two ranks, resumes on
/// three, and must end with the same files as one uninterrupted process.
@Suite(.serialized)
struct CombinationTests {
    private static let choices: [[String]] = [
        ["--cell gru", "--cell lstm", "--cell rnn", "--layers 2", "--cell lstm --layers 2", "--cell rnn --layers 2"],
        [
            "", "--optimizer adamw --weight-decay 0.1", "--optimizer rmsprop --rho 0.8",
            "--optimizer sgd --learning-rate 0.1 --momentum 0.5",
        ],
        [
            "", "--schedule linear", "--schedule cosine --warmup-steps 3",
            "--schedule exponential --decay-steps 4 --decay-start 0.5epochs", "--schedule step --decay-steps 1epochs",
        ],
        ["", "--clip-norm 0.1", "--clip-value 0.001"],
        ["", "--dropout 0.25"],
        ["", "--recurrent-dropout 0.25"],
        ["", "--no-shuffle", "--stateful", "--scheduled-sampling 0.6 --scheduled-sampling-ramp 0.5"],
        [
            "", "--validation-split 0.3", "--validation-split 0.3 --validate-every-steps 3",
            "--validation-data held.txt --validate-every-steps 4 --early-stopping 3",
        ],
        ["", "--precision bf16"],
        ["", "--tokens bytes"],
        ["", "--freeze embedding,dense"],
    ]

    @Test(.enabled(if: MPIRun.isAvailable, "mpirun isn't installed"), arguments: covering(choices))
    func resumingOnOtherRanksGivesTheSameFiles(flags: String) throws {
        let bench = try Bench()
        try bench.write("the lazy fox runs over the brown dog and jumps away quickly.\n", to: "held.txt")
        let common = "\(flags) --batch-size 7 --epochs 2"
        try bench.train("\(common) --checkpoint-dir whole --metrics whole.jsonl")
        let parts = "\(common) --checkpoint-dir parts --metrics parts.jsonl"
        try bench.train("\(parts) --max-steps 5", on: .ranks(2))
        try bench.train("\(parts) --resume", on: .ranks(3))
        let names = try bench.names(in: "whole").filter { $0.hasSuffix(".safetensors") }
        #expect(names.contains("ckpt_2.safetensors") || flags.contains("--early-stopping"), "\(names)")
        for name in names {
            let isSame = try bench.read("parts/\(name)") == bench.read("whole/\(name)")
            #expect(isSame, "\(name)")
        }
        #expect(
            try bench.names(in: "parts").filter { $0.hasSuffix(".safetensors") }
                == (names + ["ckpt_1_5.safetensors"]).sorted())
        #expect(try Metrics(bench.read("parts.jsonl")).losses == Metrics(bench.read("whole.jsonl")).losses)
    }

    @Test func theRowsCoverEveryPairOfChoices() {
        let rows = Self.rows(Self.choices)
        for (factor, values) in Self.choices.enumerated() {
            for (other, others) in Self.choices.enumerated() where other > factor {
                let covered = Set(rows.map { [$0[factor], $0[other]] })
                #expect(covered.count == values.count * others.count, "\(values[0]), \(others[0])")
            }
        }
    }

    private static func covering(_ choices: [[String]]) -> [String] {
        rows(choices).map { row in zip(choices, row).map { $0[$1] }.filter { !$0.isEmpty }.joined(separator: " ") }
    }

    /// Rows with one choice of each kind that together contain every pair of choices.
    ///
    /// Each row starts with a pair not yet covered, then greedily adds the choices with the most
    /// new pairs.
    private static func rows(_ choices: [[String]]) -> [[Int]] {
        struct Pair: Hashable {
            let kinds: [Int]
            let picks: [Int]
        }
        var rows: [[Int]] = [], covered: Set<Pair> = []
        func newPairs(_ row: [Int?], _ kind: Int, _ pick: Int) -> Int {
            row.indices.count { other in
                guard other != kind, let picked = row[other] else { return false }
                let isFirst = other < kind
                return !covered.contains(
                    Pair(
                        kinds: isFirst ? [other, kind] : [kind, other],
                        picks: isFirst ? [picked, pick] : [pick, picked]))
            }
        }
        for kind in choices.indices {
            for other in choices.indices where other > kind {
                for pick in choices[kind].indices {
                    for otherPick in choices[other].indices
                    where !covered.contains(Pair(kinds: [kind, other], picks: [pick, otherPick])) {
                        var row = [Int?](repeating: nil, count: choices.count)
                        (row[kind], row[other]) = (pick, otherPick)
                        for further in choices.indices where row[further] == nil {
                            row[further] = choices[further].indices.max {
                                newPairs(row, further, $0) < newPairs(row, further, $1)
                            }
                        }
                        let whole = row.compactMap(\.self)
                        for kind in whole.indices {
                            for other in whole.indices where other > kind {
                                covered.insert(Pair(kinds: [kind, other], picks: [whole[kind], whole[other]]))
                            }
                        }
                        rows.append(whole)
                    }
                }
            }
        }
        return rows
    }
}
