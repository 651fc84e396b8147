import Glibc
import Testing

@testable import DTrainCore

/// Top-k and top-p.
@Suite struct SamplingFilterTests: SmallModels {
    /// The characters kept by a filter, computed from a sorted list.
    ///
    /// - Parameters:
    ///   - scores: the logits, bias included, of all ids.
    ///   - weights: values proportional to the probabilities.
    static func kept<Number: BinaryFloatingPoint>(
        _ filter: SamplingFilter, scores: [Number], weights: [Number]
    ) -> Set<Int> {
        var ids = scores.indices.dropFirst().sorted { (-scores[$0], $0) < (-scores[$1], $1) }
        if let topK = filter.topK { ids = Array(ids.prefix(topK)) }
        guard let topP = filter.topP, topP < 1 else { return Set(ids) }
        let total = ids.reduce(0.0) { $0 + Double(weights[$1]) }
        var sum = 0.0
        let end = ids.firstIndex { id in
            sum += Double(weights[id])
            return sum >= topP * total
        }
        return Set(ids.prefix((end ?? ids.count) + 1))
    }

    /// Scores with many ties, and distinct scores.
    @Test(arguments: [nil, 1, 2, 5, 39, 40, 41, 1000] as [Int?], [nil, 0.001, 0.3, 0.5, 0.9, 0.999, 1] as [Double?])
    func keptCharactersMatchASortedList(topK: Int?, topP: Double?) throws {
        let (count, filter) = (41, SamplingFilter(topK: topK, topP: topP))
        var sizes: Set<Int> = []
        for salt in 0..<60 as Range<UInt32> {
            let grain: Float = salt.isMultiple(of: 2) ? 0.5 : 0x1p-20
            let logits = testNumbers(count, limit: 3, salt: salt).map { ($0 / grain).rounded() * grain }
            let bias = testNumbers(count, limit: 3, salt: 1000 + salt).map { ($0 / grain).rounded() * grain }
            let scores = zip(logits, bias).map(+)
            let weights = [0] + scores.dropFirst().map { exp($0 / 0.7) }
            var filtered = weights
            if var filter = FilteredWeights(filter) {
                filter.rank(logits, bias: bias, count: count)
                filter.restrict(&filtered)
            }
            let expected = Self.kept(filter, scores: scores, weights: weights)
            #expect(filtered == weights.indices.map { expected.contains($0) ? weights[$0] : 0 })
            sizes.insert(expected.count)
        }
        // Sets of equal size wouldn't test the filter.
        if let topP, topP > 0.1, topP < 0.999, (topK ?? 40) > 2 { #expect(sizes.count > 1) }
    }

    /// Eight equally likely characters.
    @Test(
        arguments: [
            (nil, 0.5, 4), (nil, 0.501, 5), (nil, 0.001, 1), (3, nil, 3), (7, nil, 7), (8, nil, 8), (4, 0.5, 2),
            (4, 0.51, 3),
            (1, 0.1, 1), (nil, 1, 8), (5, 1, 5),
        ] as [(Int?, Double?, Int)])
    func equallyLikelyCharactersAreKeptFromTheLowestID(topK: Int?, topP: Double?, count: Int) throws {
        let generator = try generator(logits: [Float](repeating: 0, count: Self.vocabularySize))
        let drawn = try draw(generator, 1, SamplingFilter(topK: topK, topP: topP))
        #expect(Set(drawn) == Set((1...count).map(UInt16.init)))
    }

    /// With weights 8, 4, 2 and 1, top-p 0.7 needs two characters at temperature 1 (12/15), one at
    /// temperature 1/2 (64/85) and three at temperature 2 (6.24/7.24, where two have 4.83/7.24).
    @Test(
        arguments: [
            (1, nil, 0.7, [3, 5]), (0.5, nil, 0.7, [3]), (2, nil, 0.7, [3, 5, 2]), (1, 3, nil, [3, 5, 2]),
            (1, nil, 0.81, [3, 5, 2]), (1, 3, 0.81, [3, 5]), (2, 2, nil, [3, 5]), (1, nil, nil, [3, 5, 2, 8]),
        ] as [(Float, Int?, Double?, [Int])])
    func drawnFrequenciesMatchTheFilteredProbabilities(temperature: Float, topK: Int?, topP: Double?, expected: [Int])
        throws
    {
        var logits = [Float](repeating: -200, count: Self.vocabularySize)
        // If it weren't excluded, [UNK] would be by far the likeliest.
        logits[0] = 50
        for (id, weight) in [(3, 8), (5, 4), (2, 2), (8, 1)] { logits[id] = Float(log(Double(weight))) }
        let drawn = try draw(generator(logits: logits), temperature, SamplingFilter(topK: topK, topP: topP))
        #expect(Set(drawn) == Set(expected.map(UInt16.init)))
        let scaled = expected.map { Double(logits[$0]) / Double(temperature) }
        for (id, logit) in zip(expected, scaled) {
            let probability = exp(logit - logSumExp(scaled))
            let frequency = Double(drawn.count { $0 == id }) / Double(drawn.count)
            let deviation = (probability * (1 - probability) / Double(drawn.count)).squareRoot()
            #expect(abs(frequency - probability) < 4 * deviation + 1e-9, "id \(id): \(frequency), not \(probability)")
        }
    }

    private func draw(_ generator: Generator, _ temperature: Float, _ filter: SamplingFilter) throws -> [UInt16] {
        let prompts = [[UInt16]](repeating: [1], count: 10)
        return try generator.generate(prompts: prompts, length: 500, method: .temperature(temperature, filter), seed: 1)
            .flatMap(\.self)
    }

    /// Compares generation with a naive model, filter and draws.
    @Test(arguments: [
        SamplingFilter(topK: 4), SamplingFilter(topP: 0.8), SamplingFilter(topK: 5, topP: 0.6), .none,
    ])
    func textMatchesAPlainImplementation(filter: SamplingFilter) throws {
        let layout = layout(layers: 2)
        let reference = ReferenceModel(layout, values(layout))
        let random = CounterRandom(seed: 11, purpose: .sampling)
        let prompts = prompts([3, 1, 6])
        var options = GenerationOptions(length: 40, method: .temperature(0.7, filter), seed: 11)
        options.samples = 2
        let continuations = try generator(layout).continuations(of: prompts, options)
        #expect(continuations.map(\.prompt) == [0, 0, 1, 1, 2, 2])
        #expect(continuations.map(\.sample) == [0, 1, 0, 1, 0, 1])
        for continuation in continuations {
            var state = reference.zeroState
            var logits: [Double] = []
            for id in prompts[continuation.prompt] { logits = reference.advance(id, &state) }
            let expected = (0..<40).map { position in
                let weights = logits.map { exp($0 / 0.7) }
                let kept = Self.kept(filter, scores: logits, weights: weights).sorted()
                let index = UInt64(continuation.sample) << 32 + UInt64(position)
                var rest =
                    Double(random.uniform(index, UInt32(continuation.prompt)))
                    * kept.reduce(0) { $0 + weights[$1] }
                let chosen = kept.first { id in
                    rest -= weights[id]
                    return rest < 0
                }
                logits = reference.advance(UInt16(chosen ?? 0), &state)
                return UInt16(chosen ?? 0)
            }
            #expect(continuation.ids == expected)
        }
        #expect(Set(continuations.flatMap(\.ids)).count > 3)
    }

    /// At temperature 100 probabilities are nearly equal, so a top-p just below 1 excludes no
    /// character.
    @Test(arguments: [
        SamplingFilter(topK: 8), SamplingFilter(topK: 1000), SamplingFilter(topP: 1), SamplingFilter(topP: 1.nextDown),
        SamplingFilter(topK: 8, topP: 1.nextDown),
    ])
    func aFilterThatKeepsAllChangesNothing(filter: SamplingFilter) throws {
        let generator = try generator(layout())
        func text(_ filter: SamplingFilter) throws -> [[UInt16]] {
            try generator.generate(prompts: prompts([2, 5]), length: 200, method: .temperature(100, filter), seed: 1)
        }
        #expect(try text(filter) == text(.none))
    }

    @Test func keepingOnlyTheLikeliestCharacterIsGreedy() throws {
        let generator = try generator(layout())
        for filter in [SamplingFilter(topK: 1), SamplingFilter(topP: 1e-9), SamplingFilter(topK: 1, topP: 0.5)] {
            let text = try generator.generate(
                prompts: prompts([3, 1]), length: 40, method: .temperature(5, filter), seed: 1)
            #expect(try generator.generate(prompts: prompts([3, 1]), length: 40, method: .greedy, seed: 1) == text)
        }
    }
}
