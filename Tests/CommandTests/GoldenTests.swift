import DTrainCore
import DistributedTesting
import Foundation
import Testing

/// A training recorded with Keras; `DTRAIN_TEST_GOLDEN` names another folder of cases.
struct GoldenCase: Sendable, CustomStringConvertible {
    struct Expected: Decodable {
        let seqLength: Int
        let batchSize: Int
        let epochs: Int
        let stepLosses: [Double]
        /// The learning rate of each step, computed by Keras in single precision.
        let learningRates: [Double]?
        /// The held-out loss after each epoch.
        let validationLosses: [Double]?
        /// The options that differ from the defaults.
        let options: Options?
        /// A prompt for greedy generation by the trained model; nil in cases without one.
        let greedyPrompt: String?
        let greedyContinuation: String?
    }

    struct Options: Decodable {
        struct Schedule: Decodable {
            let kind: String
            let warmupSteps: Int?
            let decaySteps: Int?
            let decayRate: Double?
            let finalLearningRate: Double?
            let staircase: Bool?
        }

        let optimizer: String?
        let learningRate: Double?
        let weightDecay: Double?
        let rho: Double?
        let momentum: Double?
        let clipNorm: Double?
        let clipValue: Double?
        let schedule: Schedule?
        let stateful: Bool?
        let validationSplit: Double?

        /// The equivalent dtrain flags.
        var flags: [String] {
            let shape = schedule.map { $0.staircase == true ? "step" : $0.kind }
            let values: [(String, Any?)] = [
                ("optimizer", optimizer), ("learning-rate", learningRate), ("weight-decay", weightDecay), ("rho", rho),
                ("momentum", momentum), ("clip-norm", clipNorm), ("clip-value", clipValue), ("schedule", shape),
                ("warmup-steps", schedule?.warmupSteps), ("decay-steps", schedule?.decaySteps),
                ("decay-rate", schedule?.decayRate), ("final-learning-rate", schedule?.finalLearningRate),
                ("validation-split", validationSplit),
            ]
            return values.flatMap { name, value in value.map { ["--\(name)", "\($0)"] } ?? [] }
                + (stateful == true ? ["--stateful"] : [])
        }
    }

    let folder: String
    var description: String { URL(fileURLWithPath: folder).lastPathComponent }

    static var all: [GoldenCase] {
        let named = ProcessInfo.processInfo.environment["DTRAIN_TEST_GOLDEN"].flatMap { $0.isEmpty ? nil : $0 }
        guard let root = named ?? Bundle.module.resourceURL?.appendingPathComponent("golden").path else { return [] }
        let names = (try? FileManager.default.contentsOfDirectory(atPath: root)) ?? []
        return names.sorted().map { GoldenCase(folder: "\(root)/\($0)") }
            .filter { FileManager.default.fileExists(atPath: "\($0.folder)/expected.json") }
    }

    func expected() throws -> Expected {
        let decoder = JSONDecoder()
        decoder.keyDecodingStrategy = .convertFromSnakeCase
        return try decoder.decode(
            Expected.self, from: Data(contentsOf: URL(fileURLWithPath: "\(folder)/expected.json")))
    }
}

@Suite(.serialized)
struct GoldenTests {
    private static let tolerance = 1e-5

    @Test func enoughCasesExist() throws {
        #expect(GoldenCase.all.count >= 9)
        #expect(try GoldenCase.all.count { try $0.expected().options != nil } >= 5)
        #expect(try GoldenCase.all.count { try $0.expected().greedyContinuation != nil } >= 3)
    }

    @Test(arguments: GoldenCase.all)
    func trainingAgreesWithKerasForAnyNumberOfRanks(golden: GoldenCase) throws {
        let bench = try Bench()
        let launches: [Launch] = [.alone] + (MPIRun.isAvailable ? [.ranks(1), .ranks(2), .ranks(3)] : [])
        for (index, launch) in launches.enumerated() {
            try train(golden, bench, into: "run\(index)", microBatchSize: 2, on: launch)
            try expectAgreement(golden, bench, "run\(index)", "\(launch)")
        }
        let last = "ckpt_\(try golden.expected().epochs).safetensors"
        let alone = try bench.tensors("run0/\(last)")
        for index in launches.indices.dropFirst() {
            #expect(try bench.tensors("run\(index)/\(last)") == alone, "\(launches[index])")
        }
    }

    @Test(arguments: [1, 3])
    func otherMicroBatchSizesStayWithinTheTolerance(size: Int) throws {
        let bench = try Bench()
        let golden = try #require(GoldenCase.all.first)
        try train(golden, bench, into: "run", microBatchSize: size, on: .alone)
        try expectAgreement(golden, bench, "run", "micro-batches of \(size)")
    }

    @Test(
        arguments: [
            ("gru-1layer", Cell.gru, 1), ("gru-2layer", .gru, 2), ("lstm-1layer", .lstm, 1),
            ("rnn-1layer", .simpleRNN, 1),
        ],
        ["init", "final"])
    func weightsFromKerasLoad(model: (name: String, cell: Cell, layers: Int), state: String) throws {
        let golden = try #require(Bundle.module.resourceURL?.appendingPathComponent("golden/\(model.name)"))
        let weights = try InitialWeights(path: golden.appendingPathComponent("\(state).safetensors").path)
        #expect(weights.configuration.cell == model.cell)
        #expect(weights.configuration.layers == model.layers)
        var loaded = [Float](repeating: .nan, count: ParameterLayout(weights.configuration).count)
        try weights.load(into: &loaded)
        #expect(loaded.allSatisfy { $0.isFinite })
    }

    /// The checkpoint stores the state and settings of the optimizer, the schedule and clipping.
    @Test(arguments: ["adamw-cosine", "rmsprop-exponential", "sgd-clipnorm", "stateful-gru", "validation"])
    func stoppingMidEpochKeepsTheBits(name: String) throws {
        let golden = try #require(GoldenCase.all.first { $0.description == name })
        let bench = try Bench()
        try train(golden, bench, into: "whole", microBatchSize: 2, on: .alone)
        let stops = [3, 50]
        for (index, stop) in stops.enumerated() {
            try train(
                golden, bench, into: "parts", microBatchSize: 2, on: .alone,
                flags: ["--max-steps", "\(stop)"] + (index > 0 ? ["--resume"] : []))
        }
        // The checkpoint stores everything except the text.
        let outcome = try bench.run(
            "train --resume --checkpoint-dir parts --metrics parts.jsonl", ["--data", "\(golden.folder)/corpus.txt"])
        try #require(outcome.status == 0, "\(outcome)")
        #expect(
            !outcome.stderr.contains("changes from") && !outcome.stderr.contains("keeps its planned end"), "\(outcome)")
        let last = "ckpt_\(try golden.expected().epochs).safetensors"
        #expect(try bench.read("parts/\(last)") == bench.read("whole/\(last)"))
        let (parts, whole) = (try Metrics(bench.read("parts.jsonl")), try Metrics(bench.read("whole.jsonl")))
        #expect(parts.learningRates == whole.learningRates && parts.losses == whole.losses)
        #expect(parts.gradientNorms == whole.gradientNorms)
    }

    private func train(
        _ golden: GoldenCase, _ bench: Bench, into directory: String, microBatchSize: Int, on launch: Launch,
        flags: [String] = []
    ) throws {
        let expected = try golden.expected()
        let start = flags.contains("--resume") ? [] : ["--init", "\(golden.folder)/init.safetensors"]
        let outcome = try bench.run(
            "train --no-shuffle --seq-length \(expected.seqLength) --batch-size \(expected.batchSize) --epochs "
                + "\(expected.epochs) --micro-batch-size \(microBatchSize) --checkpoint-dir \(directory)",
            [
                "--data", "\(golden.folder)/corpus.txt", "--metrics", "\(directory).jsonl",
            ] + start + (expected.options?.flags ?? []) + flags, on: launch)
        try #require(outcome.status == 0, "\(launch): \(outcome)")
    }

    private func expectAgreement(_ golden: GoldenCase, _ bench: Bench, _ directory: String, _ what: String) throws {
        let expected = try golden.expected()
        let metrics = try Metrics(bench.read("\(directory).jsonl"))
        try #require(metrics.losses.count == expected.stepLosses.count, "\(what)")
        let distances = zip(metrics.losses, expected.stepLosses).map { abs($0 - $1) }
        let first = distances.firstIndex { $0 > Self.tolerance }.map { $0 + 1 }
        #expect(first == nil, "\(what): the losses differ from this step on, by up to \(distances.max() ?? 0)")
        if let losses = expected.validationLosses {
            try #require(metrics.validationLosses.count == losses.count, "\(what)")
            let distance = zip(metrics.validationLosses, losses).map { abs($0 - $1) }.max() ?? .infinity
            #expect(distance <= Self.tolerance, "\(what): held-out losses")
        }
        if let rates = expected.learningRates, let base = rates.max() {
            try #require(metrics.learningRates.count == rates.count, "\(what)")
            // Keras computes rates in single precision from terms as large as the base rate, with
            // errors of a few half ulps.
            let distance = zip(metrics.learningRates, rates).map { abs($0 - $1) }.max() ?? .infinity
            #expect(distance <= 0x1p-23 * base, "\(what)")
        }
        let checkpoint = "\(directory)/ckpt_\(expected.epochs).safetensors"
        try expectWeights(
            Safetensors(path: bench.path(checkpoint)), near: Safetensors(path: "\(golden.folder)/final.safetensors"),
            what)
        guard let continuation = expected.greedyContinuation else { return }
        let prompt = try #require(expected.greedyPrompt)
        let generated = try bench.run(
            "generate --greedy --checkpoint \(checkpoint) --length \(continuation.unicodeScalars.count)",
            ["--prompt", prompt])
        #expect(generated.stdout == prompt + continuation + "\n", "\(what): \(generated)")
    }

    private func expectWeights(_ found: Safetensors, near wanted: Safetensors, _ what: String) throws {
        #expect(!wanted.tensors.isEmpty)
        for (name, tensor) in wanted.tensors {
            try #require(found.tensors[name]?.shape == tensor.shape, "\(what): \(name)")
            let count = tensor.range.count / 4
            let pairs = zip(
                try values(of: name, count: count, in: found), try values(of: name, count: count, in: wanted))
            let distance = pairs.map { abs(Double($0) - Double($1)) }.max() ?? .infinity
            #expect(distance <= Self.tolerance, "\(what): \(name)")
        }
    }
}
