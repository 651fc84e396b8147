import DistributedTesting
import Foundation
import Testing

@testable import DTrainCore

/// Checkpoints and losses of a byte-level model.
@Suite struct ByteModelTests {
    private let layout = ParameterLayout(
        ModelConfiguration(embeddingDim: 3, rnnUnits: 5, vocabularySize: Vocabulary.bytes.size))
    private let folder: ScratchFolder

    init() throws { folder = try ScratchFolder() }

    private func export(limit: Float) throws -> Checkpoint {
        let parameters = try buffer(testNumbers(layout.count, limit: limit))
        let path = folder.file("generator.safetensors")
        try Checkpoint.write(
            to: path,
            metadata: CheckpointMetadata(
                kind: .generator, model: layout.configuration, vocabulary: Vocabulary.bytes.tokens),
            layout: layout, parameters: parameters.pointer, optimizer: nil)
        return try Checkpoint(path: path)
    }

    @Test func byteVocabulariesAreSavedInFormatVersion2() throws {
        let checkpoint = try export(limit: 0.5)
        #expect(try checkpoint.requireVocabulary() == .bytes)
        #expect(checkpoint.metadata.formatVersion == 2)
        #expect(try Safetensors(path: checkpoint.path)[.formatVersion] == "2")
        let characters = CheckpointMetadata(
            kind: .generator, model: ModelConfiguration(vocabularySize: 3), vocabulary: ["[UNK]", "a", "b"])
        #expect(characters.formatVersion == 1)
        // The list of bytes, with or without [UNK], reads as the byte vocabulary.
        for tokens in [Vocabulary.bytes.tokens, Array(Vocabulary.bytes.tokens.dropFirst())] {
            let file = try TemporaryText("[\(tokens.map { "\"\($0)\"" }.joined(separator: ", "))]")
            #expect(try Vocabulary(path: file.path) == .bytes)
        }
    }

    /// The byte ids of an ASCII text are its code points plus one.
    @Test(arguments: [false, true])
    func theLossOfASCIITextEqualsThatOfItsCodePoints(carryState: Bool) throws {
        let text = String(repeating: "To be, or not to be:\n", count: 50)
        let ids = text.unicodeScalars.map { UInt16($0.value) + 1 }
        let checkpoint = try export(limit: 0.8)
        let evaluator = try Evaluator(checkpoint: checkpoint, sequenceLength: 7, threads: 2)
        let expected = try evaluator.evaluate(characters: ids.count, carryState: carryState) { first, count, target in
            for index in 0..<count { target[index] = ids[first + index] }
        }
        let file = try TemporaryText(text)
        let corpus = try Corpus(path: file.path, vocabulary: .bytes)
        #expect(try evaluator.evaluate(corpus, carryState: carryState) == expected)
    }

    /// Logits of zero give all 257 ids the same probability.
    @Test func theLossOfZeroWeightsIsTheLogarithmOfTheVocabularySize() throws {
        let checkpoint = try export(limit: 0)
        let file = try TemporaryText((0...255).map { UInt8($0) })
        let corpus = try Corpus(path: file.path, vocabulary: .bytes)
        let result = try Evaluator(checkpoint: checkpoint, threads: 1).evaluate(corpus)
        #expect(result.characters == 255)
        #expect(abs(result.loss - log(257)) < 1e-6)
        #expect(abs(result.bitsPerCharacter - log2(257)) < 2e-6)
    }
}
