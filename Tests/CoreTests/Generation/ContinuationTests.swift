import Glibc
import Testing

@testable import DTrainCore

/// Samples, stop texts, log-probabilities and streamed texts.
@Suite struct ContinuationTests: SmallModels {
    private func options(_ length: Int = 40, samples: Int = 1, stops: [[UInt16]] = []) -> GenerationOptions {
        var options = GenerationOptions(length: length, method: .temperature(0.8, .init(topK: 6)), seed: 3)
        options.samples = samples
        options.stops = stops
        options.reportsLogProbabilities = true
        return options
    }

    @Test func aSampleDependsOnlyOnItsPromptAndNumber() throws {
        let generator = try generator(layout(layers: 2))
        let prompts = prompts([2, 5, 1])
        let all = try generator.continuations(of: prompts, options(samples: 4))
        #expect(all.count == 12 && Set(all.map(\.ids)).count == 12)
        let firstPrompts = try generator.continuations(of: Array(prompts.prefix(2)), options(samples: 2))
        #expect(firstPrompts == [all[0], all[1], all[4], all[5]])
        #expect(try generator.continuations(of: prompts, options()) == [all[0], all[4], all[8]])
        // The first samples equal a generation without samples.
        let plain = try generator.generate(prompts: prompts, length: 40, method: options().method, seed: 3)
        #expect(plain == [all[0], all[4], all[8]].map(\.ids))
    }

    /// The model is large enough for several workers to share each row.
    @Test func theNumberOfThreadsDoesNotChangeTheText() throws {
        let layout = ParameterLayout(
            ModelConfiguration(
                cell: .gru, layers: 2, embeddingDim: 3, rnnUnits: 256, vocabularySize: Self.vocabularySize))
        let parameters = try buffer(values(layout).map { $0 / 8 })
        func generate(_ threads: Int) throws -> [Continuation] {
            try Generator(layout: layout, parameters: parameters, threads: threads)
                .continuations(of: prompts([2, 5, 1]), options(samples: 3, stops: [[3, 3], [1, 4, 2], [5]]))
        }
        let expected = try generate(1)
        #expect(Set(expected.map(\.ids.count)).count > 3 && expected.contains { $0.stop != nil })
        for threads in [2, 3, 7, 40] { #expect(try generate(threads) == expected) }
    }

    /// The stop text that completes first, the longest one among ties: its index and start.
    private func firstStop(_ ids: [UInt16], _ stops: [[UInt16]]) -> (stop: Int, start: Int)? {
        for end in 0...ids.count {
            let found = stops.indices.filter { ids[..<end].suffix(stops[$0].count) == stops[$0][...] }
            if let stop = found.max(by: { stops[$0].count < stops[$1].count }) {
                return (stop, end - stops[stop].count)
            }
        }
        return nil
    }

    @Test(arguments: [1, 3])
    func aTextEndsBeforeItsFirstStopText(threads: Int) throws {
        let generator = try generator(layout(), threads: threads)
        let prompts = prompts([3, 1, 6])
        let whole = try generator.continuations(of: prompts, options(60, samples: 2))
        let first = whole[0].ids
        let stops: [[[UInt16]]] = [
            [Array(first[20..<25])], [Array(first[0..<2])], [Array(first[57..<60])], [Array(first[7..<9]), [first[8]]],
            [Array(first[10..<14]), Array(first[11..<13])],
            // Occurs only with the prompt's last character before the continuation, or later.
            [[prompts[0][2]] + first[0..<3]],
            // Never occurs completely.
            [first[50..<60] + [first[59]]],
        ]
        var ends: Set<Int> = []
        for stops in stops {
            for (text, full) in zip(
                try generator.continuations(of: prompts, options(60, samples: 2, stops: stops)), whole)
            {
                let found = firstStop(full.ids, stops)
                let end = found?.start ?? 60
                #expect(text.stop == found?.stop)
                #expect(text.ids == Array(full.ids[..<end]))
                #expect(text.logProbabilities == Array(full.logProbabilities[..<end]))
                ends.insert(end)
            }
        }
        #expect(ends.contains(0) && ends.contains(60) && ends.count > 5, "\(ends)")
    }

    /// Log-probabilities don't depend on the temperature, top-k or top-p.
    @Test(arguments: [SamplingMethod.greedy, .temperature(0.5, .init(topK: 3, topP: 0.9)), .temperature(2)])
    func logProbabilitiesMatchTheReferenceModel(method: SamplingMethod) throws {
        let layout = layout()
        let reference = ReferenceModel(layout, values(layout))
        let prompt = prompts([4])[0]
        var options = options()
        options.method = method
        let text = try generator(layout).continuations(of: [prompt], options)[0]
        #expect(text.logProbabilities.count == 40)
        var state = reference.zeroState
        var logits: [Double] = []
        for id in prompt { logits = reference.advance(id, &state) }
        for (id, logProbability) in zip(text.ids, text.logProbabilities) {
            let expected = logits[Int(id)] - logSumExp(logits)
            #expect(isClose(Double(logProbability), expected, relative: 1e-5, absolute: 1e-5))
            logits = reference.advance(id, &state)
        }
        options.reportsLogProbabilities = false
        let plain = try generator(layout).continuations(of: [prompt], options)[0]
        #expect(plain.ids == text.ids && plain.logProbabilities.isEmpty)
    }

    @Test(arguments: [1, 2])
    func charactersAreStreamedOneByOne(threads: Int) throws {
        let generator = try generator(layout(), threads: threads)
        let prompt = prompts([4])[0]
        var parts: [[UInt16]] = []
        let text = try generator.stream(prompt, options()) { parts.append(Array($0)) }
        #expect(try generator.continuations(of: [prompt], options()) == [text])
        #expect(parts == text.ids.map { [$0] })
    }

    @Test func possibleStartsOfAStopTextAreHeldBack() throws {
        // A model that repeats id 1.
        let generator = try generator(logits: [0, 9, 0, 0, 0, 0, 0, 0, 0])
        var options = options(7)
        options.method = .greedy
        func parts(_ stops: [[UInt16]]) throws -> [[UInt16]] {
            var parts: [[UInt16]] = []
            options.stops = stops
            let text = try generator.stream([5], options) { parts.append(Array($0)) }
            #expect(parts.flatMap(\.self) == text.ids)
            return parts
        }
        #expect(try parts([[1, 1, 2]]) == [[1], [1], [1], [1], [1, 1, 1]])
        #expect(try parts([[1, 1, 1]]) == [])
        #expect(try parts([[2, 1]]) == [[UInt16]](repeating: [1], count: 7))
    }

    private struct Closed: Error {}

    @Test(arguments: [1, 3])
    func anErrorInTheCallbackEndsTheGeneration(threads: Int) throws {
        let generator = try generator(layout(), threads: threads)
        var count = 0
        #expect(throws: Closed.self) {
            // The complete text would take days.
            try generator.stream([1, 2], options(Int(UInt32.max))) { ids in
                count += ids.count
                if count == 10 { throw Closed() }
            }
        }
        #expect(count == 10)
        #expect(try generator.continuations(of: [[1]], options(5))[0].ids.count == 5)
    }

    @Test func lengthZeroGivesEmptyTexts() throws {
        let texts = try generator(layout()).continuations(of: prompts([1, 2]), options(0, samples: 2, stops: [[1]]))
        #expect(texts.count == 4 && texts.allSatisfy { $0.ids.isEmpty && $0.stop == nil })
    }

    private static func invalid(
        length: Int = 5, filter: SamplingFilter = .none, samples: Int = 1, stops: [[UInt16]] = []
    ) -> GenerationOptions {
        var options = GenerationOptions(length: length, method: .temperature(1, filter), seed: 1)
        (options.samples, options.stops) = (samples, stops)
        return options
    }

    @Test(arguments: [
        (invalid(samples: 0), "samples is 0"), (invalid(stops: [[1], []]), "a stop text is empty"),
        (invalid(length: 1 << 32), "length is 4294967296"), (invalid(filter: .init(topK: 0)), "top-k is 0"),
        (invalid(filter: .init(topP: 0)), "top-p is 0.0"), (invalid(filter: .init(topP: 1.5)), "top-p is 1.5"),
        (invalid(filter: .init(topP: .nan)), "top-p is nan"),
        (invalid(samples: 2), "2 samples can't be streamed"),
    ])
    func invalidOptionsAreUsageErrors(options: GenerationOptions, message: String) throws {
        let generator = try generator(layout())
        let error = try requireError(.usage) { _ = try generator.stream([1], options) { _ in } }
        #expect(error.message.contains(message))
    }
}
