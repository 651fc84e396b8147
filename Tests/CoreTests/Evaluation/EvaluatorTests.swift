import DistributedTesting
import Glibc
import Testing

@testable import DTrainCore

@Suite struct EvaluatorTests {
    private static let length = 6
    private static let vocabularySize = 9

    private func layout(_ cell: Cell) -> ParameterLayout {
        ParameterLayout(
            ModelConfiguration(
                cell: cell, layers: 2, embeddingDim: 3, rnnUnits: 7, vocabularySize: Self.vocabularySize))
    }

    private func evaluate(
        _ layout: ParameterLayout, _ values: [Float], _ text: [UInt16], length: Int = length, threads: Int = 1,
        carryState: Bool = false
    ) throws -> Evaluator.Result {
        let evaluator = try Evaluator(
            layout: layout, parameters: buffer(values), sequenceLength: length, threads: threads)
        return try evaluator.evaluate(characters: text.count, carryState: carryState) { first, count, ids in
            guard first >= 0, first + count <= text.count else {
                Issue.record("\(count) characters from \(first) exceed the text of \(text.count)")
                return
            }
            for index in 0..<count { ids[index] = text[first + index] }
        }
    }

    @Test(
        arguments: Cell.allCases,
        [2, 3, length, length + 1, length + 2, 2 * length + 1, 32 * length + 1, 32 * length + 5, 70 * length])
    func lossMatchesTheReferenceOnWindowsFromZeroStates(cell: Cell, characters: Int) throws {
        let layout = layout(cell)
        let values = testNumbers(layout.count, limit: 0.8)
        let text = testText(characters, vocabularySize: Self.vocabularySize)
        let reference = ReferenceModel(layout, values)
        // A window's last target is the next one's first input, so each character except the first
        // is predicted once.
        let losses = stride(from: 0, to: characters - 1, by: Self.length).flatMap { first in
            reference.losses(Array(text[first..<min(characters, first + Self.length + 1)]))
        }
        try #require(losses.count == characters - 1)
        let expected = losses.reduce(0, +) / Double(losses.count)
        let result = try evaluate(layout, values, text)
        #expect(result.characters == characters - 1)
        #expect(isClose(result.loss, expected, relative: 1e-5, absolute: 0))
        for threads in [2, 3, 5] { #expect(try evaluate(layout, values, text, threads: threads) == result) }
    }

    /// 64 streams of 15 or 16 predictions, in pieces of 6.
    @Test(arguments: Cell.allCases)
    func carriedStatesMatchTheReferenceOnStreams(cell: Cell) throws {
        let layout = layout(cell)
        let values = testNumbers(layout.count, limit: 0.8)
        let text = testText(64 * 15 + 20 + 1, vocabularySize: Self.vocabularySize)
        let reference = ReferenceModel(layout, values)
        let losses = (0..<64).flatMap { stream in
            let part = Partition.part(stream, of: 64, count: text.count - 1)
            return reference.losses(Array(text[part.lowerBound...part.upperBound]))
        }
        let expected = losses.reduce(0, +) / Double(losses.count)
        for threads in [1, 3] {
            let result = try evaluate(layout, values, text, threads: threads, carryState: true)
            #expect(result.characters == text.count - 1)
            #expect(isClose(result.loss, expected, relative: 1e-5, absolute: 0))
        }
    }

    @Test func evaluatingTwiceGivesTheSameResult() throws {
        let layout = layout(.lstm)
        let parameters = try buffer(testNumbers(layout.count, limit: 0.8))
        let evaluator = try Evaluator(layout: layout, parameters: parameters, sequenceLength: 6, threads: 2)
        let text = testText(300, vocabularySize: Self.vocabularySize)
        let results = try (0..<2).map { _ in
            try evaluator.evaluate(characters: 300) { first, count, ids in
                for index in 0..<count { ids[index] = text[first + index] }
            }
        }
        #expect(results[0] == results[1])
    }

    @Test(arguments: [2, 40])
    func sequenceLengthsBeyondTheTextGiveTheSameResult(characters: Int) throws {
        let layout = layout(.gru)
        let values = testNumbers(layout.count, limit: 0.8)
        let text = testText(characters, vocabularySize: Self.vocabularySize)
        let expected = try evaluate(layout, values, text, length: characters - 1)
        for length in [characters, Int(Int32.max), Int.max] {
            #expect(try evaluate(layout, values, text, length: length) == expected)
        }
    }

    @Test func bitsAndPerplexityFollowFromTheLoss() {
        let result = Evaluator.Result(loss: log(8), characters: 1)
        #expect(abs(result.bitsPerCharacter - 3) < 1e-12)
        #expect(abs(result.perplexity - 8) < 1e-12)
    }

    @Test func aCheckpointsModelEvaluatesACorpus() throws {
        let folder = try ScratchFolder()
        let path = folder.file("ckpt_1.safetensors")
        let layout = layout(.gru)
        let values = testNumbers(layout.count, limit: 0.8)
        var settings = Settings()
        settings[.sequenceLength] = 5
        let vocabulary = try Vocabulary(scalars: "abcdefgh".unicodeScalars)
        try Checkpoint.write(
            to: path,
            metadata: CheckpointMetadata(
                kind: .training, model: layout.configuration, settings: settings.stored, vocabulary: vocabulary.tokens,
                corpusChecksum: "0123456789abcdef0123456789abcdef", progress: TrainingProgress()),
            layout: layout, parameters: values, optimizer: OptimizerState(Adam(), count: layout.count))
        let checkpoint = try Checkpoint(path: path)
        let text = try TemporaryText("hagéfaceddabecafe")
        let corpus = try Corpus(path: text.path, vocabulary: vocabulary)
        let ids = corpus[0..<corpus.count]
        let expected = try evaluate(layout, values, ids, length: 5)
        #expect(expected != (try evaluate(layout, values, ids, length: 3)))
        #expect(try Evaluator(checkpoint: checkpoint).evaluate(corpus) == expected)
        let own = try Evaluator(checkpoint: checkpoint, sequenceLength: 3, threads: 2).evaluate(corpus)
        #expect(own == (try evaluate(layout, values, ids, length: 3)))
    }

    @Test func anotherVocabularyAndAZeroSequenceLengthAreRejected() throws {
        let folder = try ScratchFolder()
        let path = folder.file("ckpt_1.safetensors")
        try SampleModel().write(to: path)
        let checkpoint = try Checkpoint(path: path)
        let text = try TemporaryText("abc")
        let other = try requireError(.badData) {
            _ = try Evaluator(checkpoint: checkpoint).evaluate(Corpus(path: text.path))
        }
        #expect(other.message.contains("4 entries, but the model has 5"))
        let length = try requireError(.usage) { _ = try Evaluator(checkpoint: checkpoint, sequenceLength: 0) }
        #expect(length.message.contains("sequence length is 0"))
    }

    @Test(arguments: [0, 1])
    func aTextWithoutPredictionsIsRejected(characters: Int) throws {
        let layout = layout(.gru)
        let values = testNumbers(layout.count)
        let error = #expect(throws: DTrainError.self) {
            try evaluate(layout, values, [UInt16](repeating: 1, count: characters))
        }
        #expect(error?.category == .badData)
        #expect(error?.message.contains("\(characters) characters") == true)
    }
}
