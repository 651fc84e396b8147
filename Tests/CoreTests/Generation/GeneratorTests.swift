import DistributedTesting
import Glibc
import Testing

@testable import DTrainCore

@Suite struct GeneratorTests: SmallModels {
    @Test(arguments: Cell.allCases, [1, 2])
    func greedyTextMatchesTheReferenceModel(cell: Cell, layers: Int) throws {
        let layout = layout(cell, layers: layers)
        let reference = ReferenceModel(layout, values(layout))
        let prompts = prompts([3, 1, 8, 4])
        let expected = prompts.map { prompt in
            var state = reference.zeroState
            var logits: [Double] = []
            for id in prompt { logits = reference.advance(id, &state) }
            return (0..<30).map { _ in
                let best = (1..<logits.count).max { logits[$0] < logits[$1] } ?? 0
                logits = reference.advance(UInt16(best), &state)
                return UInt16(best)
            }
        }
        let generated = try generator(layout).generate(prompts: prompts, length: 30, method: .greedy, seed: 1)
        #expect(generated == expected)
        #expect(Set(expected.joined()).count > 2)
    }

    @Test(arguments: [SamplingMethod.greedy, .temperature(0.1), .temperature(1), .temperature(100)])
    func unknownCharactersAreNeverGenerated(method: SamplingMethod) throws {
        let layout = layout()
        let generator = try generator(layout) { $0[layout.denseBias] = 1e6 }
        let generated = try generator.generate(prompts: prompts([1, 2, 3]), length: 200, method: method, seed: 1)
        #expect(generated.joined().allSatisfy { $0 >= 1 && $0 < Self.vocabularySize })
    }

    @Test(arguments: Cell.allCases)
    func aContinuationDependsOnlyOnPromptNumberAndSeed(cell: Cell) throws {
        let generator = try generator(layout(cell, layers: 2))
        func generate(_ prompts: [[UInt16]], _ seed: UInt64 = 3) throws -> [[UInt16]] {
            try generator.generate(prompts: prompts, length: 40, method: .temperature(1), seed: seed)
        }
        let batch = prompts([2, 5, 1, 7, 3])
        let together = try generate(batch)
        #expect(try generate(batch) == together)
        #expect(try generate([batch[0]])[0] == together[0])
        for number in batch.indices {
            var others = prompts([9, 1, 4, 2, 6, 1, 1], salt: 50)
            others[number] = batch[number]
            #expect(try generate(others)[number] == together[number])
        }
        let same = try generate([batch[1], batch[1]])
        #expect(same[0] != same[1])
        #expect(same[1] == together[1])
        #expect(try generate(batch, 4) != together)
    }

    @Test(arguments: [2, 3, 7])
    func theNumberOfThreadsDoesNotChangeTheText(threads: Int) throws {
        let layout = layout(layers: 2)
        let prompts = prompts([2, 5, 1, 7, 3])
        func generate(_ threads: Int) throws -> [[UInt16]] {
            try generator(layout, threads: threads)
                .generate(prompts: prompts, length: 40, method: .temperature(0.8), seed: 9)
        }
        #expect(try generate(threads) == generate(1))
    }

    /// The model is large enough for several workers to share each row.
    @Test(arguments: Cell.allCases, Precision.allCases)
    func teamsOfWorkersGenerateTheSameText(cell: Cell, precision: Precision) throws {
        let layout = ParameterLayout(
            ModelConfiguration(
                cell: cell, layers: 2, embeddingDim: 3, rnnUnits: 256, vocabularySize: Self.vocabularySize))
        let parameters = try buffer(values(layout).map { $0 / 8 })
        func generate(_ prompts: [[UInt16]], threads: Int) throws -> [[UInt16]] {
            try Generator(layout: layout, parameters: parameters, precision: precision, threads: threads)
                .generate(prompts: prompts, length: 60, method: .temperature(0.8), seed: 9)
        }
        let prompts = prompts([2, 5, 1, 7, 3, 1, 1, 4])
        let expected = try generate(prompts, threads: 1)
        #expect(Set(expected.joined()).count > 3)
        for threads in [2, 3, 5, 40] { #expect(try generate(prompts, threads: threads) == expected) }
        #expect(try generate([prompts[0]], threads: 3) == [expected[0]])
        // With many prompts, each worker has its own rows.
        let many = (0..<80).map { prompts[$0 % prompts.count] }
        #expect(try Array(generate(many, threads: 2).prefix(prompts.count)) == expected)
    }

    @Test func shorterTextsArePrefixesOfLongerOnes() throws {
        let generator = try generator(layout())
        let prompts = prompts([3, 5])
        let long = try generator.generate(prompts: prompts, length: 50, method: .temperature(1), seed: 1)
        for length in [0, 1, 2, 49] {
            let short = try generator.generate(prompts: prompts, length: length, method: .temperature(1), seed: 1)
            #expect(short == long.map { Array($0.prefix(length)) })
        }
    }

    /// With zero weights the logits equal the dense bias, so draws are independent with known
    /// probabilities.
    @Test(arguments: [Float(0.25), 1, 3])
    func drawnFrequenciesMatchTheSoftmax(temperature: Float) throws {
        let layout = layout()
        let bias: [Float] = [5, 0.5, -1, 0, 1, 0.75, -0.5, 0.25, -2]
        let generator = try generator(layout) { values in
            values = [Float](repeating: 0, count: values.count)
            values.replaceSubrange(layout.denseBias..<layout.denseBias + bias.count, with: bias)
        }
        let prompts = [[UInt16]](repeating: [1], count: 20)
        let drawn = try generator.generate(
            prompts: prompts, length: 500, method: .temperature(temperature), seed: 1
        ).joined()
        let scaled = bias.dropFirst().map { Double($0) / Double(temperature) }
        for id in 1..<bias.count {
            let expected = exp(scaled[id - 1] - logSumExp(scaled))
            let frequency = Double(drawn.count { $0 == id }) / Double(drawn.count)
            let deviation = (expected * (1 - expected) / Double(drawn.count)).squareRoot()
            #expect(abs(frequency - expected) < 4 * deviation + 1e-9, "id \(id): \(frequency), expected \(expected)")
        }
    }

    @Test func aTemperatureNearZeroIsGreedy() throws {
        let generator = try generator(layout())
        let prompts = prompts([3, 1])
        let cold = try generator.generate(prompts: prompts, length: 40, method: .temperature(1e-5), seed: 1)
        #expect(try generator.generate(prompts: prompts, length: 40, method: .greedy, seed: 1) == cold)
    }

    @Test func noPromptsGiveNoText() throws {
        #expect(try generator(layout()).generate(prompts: [], length: 5, method: .greedy, seed: 1).isEmpty)
    }

    @Test(
        arguments: [
            ([[1], []], 5, .greedy, "a prompt is empty"), ([[1, 9]], 5, .greedy, "holds id 9"),
            ([[1]], -1, .greedy, "length is -1"), ([[1]], 5, .temperature(0), "temperature is 0"),
            ([[1]], 5, .temperature(-1), "temperature is -1"), ([[1]], 5, .temperature(.nan), "temperature is nan"),
        ] as [([[UInt16]], Int, SamplingMethod, String)])
    func invalidPromptsAndOptionsAreUsageErrors(
        prompts: [[UInt16]], length: Int, method: SamplingMethod, message: String
    ) throws {
        let generator = try generator(layout())
        let error = try requireError(.usage) {
            _ = try generator.generate(prompts: prompts, length: length, method: method, seed: 1)
        }
        #expect(error.message.contains(message))
    }

    @Test func aModelFromACheckpointGeneratesTheSameText() throws {
        let folder = try ScratchFolder()
        let path = folder.file("model.safetensors")
        let model = SampleModel()
        try model.writeGenerator(to: path)
        func text(_ generator: Generator) throws -> [[UInt16]] {
            try generator.generate(prompts: [[1, 2], [4]], length: 30, method: .temperature(3), seed: 1)
        }
        let expected = try text(Generator(layout: model.layout, parameters: buffer(model.parameters), threads: 1))
        #expect(try text(Generator(checkpoint: Checkpoint(path: path))) == expected)
        #expect(Set(expected.joined()).count > 1)
    }
}
