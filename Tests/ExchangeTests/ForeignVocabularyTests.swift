import DTrainCore
import Testing

@testable import Exchange

/// What another program's ids mean.
@Suite struct ForeignVocabularyTests {
    private let scratch: Scratch
    private let weights: String

    init() throws {
        scratch = try Scratch()
        // V = 4, E = 2, H = 1.
        weights = try scratch.write([
            .counted("embedding.weight", [4, 2]), .counted("rnn.weight_ih_l0", [1, 2]),
            .counted("rnn.weight_hh_l0", [1, 1]), .counted("head.weight", [4, 1]), .counted("head.bias", [4], from: 7),
        ])
    }

    private func read(_ vocabulary: String) throws -> (model: ExchangeModel, remarks: [String]) {
        try ImportFormat.pytorch.read(weights, vocabulary: scratch.write(vocabulary, to: "vocabulary"))
    }

    /// Three characters and `[UNK]`, which the list may leave out.
    @Test(arguments: [#"["[UNK]","c","a","b"]"#, #"["c","a","b"]"#])
    func listsGiveTheIdsTheirOrder(list: String) throws {
        let (model, remarks) = try read(list)
        #expect(model.vocabulary.tokens == ["[UNK]", "c", "a", "b"] && remarks.isEmpty)
        #expect(try model.matrix("embedding.embeddings").values == (1...8).map(Float.init))
    }

    @Test func aTextGivesItsCharactersInAscendingOrder() throws {
        #expect(try read("cabbac").model.vocabulary.tokens == ["[UNK]", "a", "b", "c"])
    }

    /// Four characters for four ids: the model has none for `[UNK]`.
    @Test(arguments: [#"["d","c","a","b"]"#, "abcd"])
    func aModelMayLackUnknown(vocabulary: String) throws {
        let (model, remarks) = try read(vocabulary)
        #expect(model.vocabulary.size == 5 && model.vocabulary.tokens[0] == "[UNK]")
        #expect(remarks.count == 1 && remarks[0].contains("[UNK]"), "\(remarks)")
        #expect(try model.matrix("embedding.embeddings").values == [0, 0] + (1...8).map(Float.init))
        #expect(try model.matrix("dense.kernel").values == [0, 1, 2, 3, 4])
        #expect(try model.matrix("dense.bias").values == [-10_000, 7, 8, 9, 10])
        #expect(try model.matrix("simple_rnn.kernel").values == [1, 2])
    }

    @Test(arguments: [#"["[UNK]","a","b","c","d"]"#, #"["[UNK]","a","b"]"#, #"["a","b"]"#, "abcde", "ab"])
    func otherSizesAreRefused(vocabulary: String) throws {
        try expectRefusal(.usage, "has 4 ids", "`vocabulary`") { _ = try read(vocabulary) }
    }

    @Test func weightsWithoutAVocabularyNeedOne() throws {
        try expectRefusal(.badData, "its 4 ids mean", "`vocabulary`") {
            _ = try ImportFormat.pytorch.read(weights, vocabulary: nil)
        }
        try expectRefusal(.badData, "has a token (id 2)") { _ = try read(#"["a","the","b"]"#) }
    }
}
