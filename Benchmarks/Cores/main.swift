// Measures the time of one member of a team of 1, 2, 4 … 64 in the tutorial's step, alone, and the time of whole steps
// on this machine's cores. Prints JSON for cores.py.
//
//   dtrain-cores fp32|bf16 [ROUNDS]
import DTrainCore
import Foundation

/// The results; times are in seconds, medians over the rounds.
struct Result: Encodable {
    struct Member: Encodable {
        let members: Int
        let forward: Double
        let backward: Double
        /// The share of the weight gradient that each of that many workers computes.
        let weightGradientShare: Double
    }

    struct Step: Encodable {
        let threads: Int
        let parts: [String: Double]
    }

    let instructions: String
    let arithmetic: String
    let members: [Member]
    let steps: [Step]
    /// The time of a barrier of two threads; nil with one core.
    let meeting: Double?
}

func median(_ values: [Double]) -> Double { values.sorted()[values.count / 2] }

let arguments = CommandLine.arguments
guard arguments.count > 1, let precision = Precision(rawValue: arguments[1]) else {
    FileHandle.standardError.write(Data("usage: dtrain-cores fp32|bf16 [ROUNDS]\n".utf8))
    exit(64)
}
let rounds = arguments.count > 2 ? max(1, Int(arguments[2]) ?? 3) : 3
let model = ModelConfiguration(vocabularySize: 66)
let batch = RankBatch(batchSize: 64, microBatchSize: 8, sequenceLength: 100, microBatches: 0..<8)
let arithmetic = try Arithmetic.best(for: precision)
let configuration = Replica.Configuration(
    model: model, rankBatch: batch, optimizer: Adam(), arithmetic: arithmetic, threads: 1)

var members: [Result.Member] = []
for count in [1, 2, 4, 8, 16, 32, 64] {
    let trial = try MemberBenchmark(configuration, members: count)
    _ = trial.run()
    let times = (0..<rounds).map { _ in trial.run() }
    members.append(
        Result.Member(
            members: count, forward: median(times.map(\.forward)), backward: median(times.map(\.backward)),
            weightGradientShare: try MemberBenchmark.weightGradientShare(model, arithmetic: arithmetic, workers: count))
    )
}

var steps: [Result.Step] = []
for threads in 1...max(1, min(2, ProcessorSet.current.count)) {
    let trainer = try Trainer(
        model: model, shape: Trainer.Shape(batchSize: 64, microBatchSize: 8, sequenceLength: 100), precision: precision,
        threads: threads)
    let text = (0..<64).map { (row: Int) -> [UInt16] in
        (0...100).map { (time: Int) -> UInt16 in UInt16((time * 31 + row * 17) % 66) }
    }
    var profiles: [StepProfile] = []
    for _ in 0...rounds {
        let gradient = try trainer.gradient(of: Batch(text))
        try trainer.apply(gradient, learningRate: 0.001)
        profiles.append(trainer.profile)
    }
    let kept = profiles.dropFirst()
    let parts = kept[kept.startIndex].parts.indices.map { index in
        (kept[kept.startIndex].parts[index].name, median(kept.map { $0.parts[index].seconds }))
    }
    steps.append(Result.Step(threads: threads, parts: Dictionary(uniqueKeysWithValues: parts)))
}

let meeting = ProcessorSet.current.count > 1 ? try MemberBenchmark.barrierSeconds(members: 2) : nil
let encoder = JSONEncoder()
encoder.outputFormatting = [.sortedKeys]
let result = Result(
    instructions: try InstructionSet.inUse().rawValue, arithmetic: arithmetic.rawValue, members: members, steps: steps,
    meeting: meeting)
print(String(decoding: try encoder.encode(result), as: UTF8.self))
