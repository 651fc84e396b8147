import DTrainCore
import Testing

@testable import Exchange

/// The vocabulary of imported models.
@Suite struct ForeignVocabularyTests {
    private let scratch: Scratch

    init() throws { scratch = try Scratch() }

    /// Writes weights of V = 4, E = 2, H = 1 with an optional list in their metadata.
    private func weights(_ list: String? = nil) throws -> String {
        try scratch.write(
            [
                .counted("embedding.weight", [4, 2]), .counted("rnn.weight_ih_l0", [1, 2]),
                .counted("rnn.weight_hh_l0", [1, 1]), .counted("rnn.bias_ih_l0", [1]),
                .counted("rnn.bias_hh_l0", [1]), .counted("head.weight", [4, 1]),
                .counted("head.bias", [4], from: 7),
            ], metadata: list.map { ["vocabulary": $0] } ?? [:])
    }

    private func read(_ vocabulary: String, metadata: String? = nil) throws -> ImportedModel {
        try ImportFormat.pytorch.read(weights(metadata), vocabulary: scratch.write(vocabulary, to: "vocabulary"))
    }

    /// Imports with the metadata alone.
    private func read(metadata: String) throws -> ImportedModel {
        try ImportFormat.pytorch.read(weights(metadata), vocabulary: nil)
    }

    /// Three characters and `[UNK]`, which is optional in the list.
    @Test(arguments: [#"["[UNK]","c","a","b"]"#, #"["c","a","b"]"#])
    func aListDeterminesTheOrderOfIds(list: String) throws {
        for imported in [try read(list), try read(metadata: list)] {
            #expect(imported.model.vocabulary.tokens == ["[UNK]", "c", "a", "b"] && imported.remarks.isEmpty)
            #expect(try imported.model.matrix("embedding.embeddings").values == (1...8).map(Float.init))
        }
    }

    @Test func aTextGivesItsCharactersInAscendingOrder() throws {
        #expect(try read("cabbac").model.vocabulary.tokens == ["[UNK]", "a", "b", "c"])
    }

    /// Four characters for four ids; the model has no id for `[UNK]`.
    @Test(arguments: [#"["d","c","a","b"]"#, "abcd"])
    func theUnknownTokenIsAddedToAModelWithoutIt(vocabulary: String) throws {
        try requireAddedUnknown(read(vocabulary))
    }

    @Test func theUnknownTokenIsAddedIfTheMetadataLacksIt() throws {
        let imported = try read(metadata: #"["d","c","a","b"]"#)
        try requireAddedUnknown(imported)
        #expect(imported.model.vocabulary.tokens == ["[UNK]", "d", "c", "a", "b"])
    }

    private func requireAddedUnknown(_ imported: ImportedModel) throws {
        let (model, remarks) = (imported.model, imported.remarks)
        #expect(model.vocabulary.size == 5 && model.vocabulary.tokens[0] == "[UNK]")
        #expect(remarks.count == 1 && remarks[0].contains("id for [UNK]"), "\(remarks)")
        #expect(remarks[0].hasSuffix("; unknown characters raise its loss"), "\(remarks)")
        #expect(try model.matrix("embedding.embeddings").values == [0, 0] + (1...8).map(Float.init))
        #expect(try model.matrix("dense.kernel").values == [0, 1, 2, 3, 4])
        #expect(try model.matrix("dense.bias").values == [-100, 7, 8, 9, 10])
        #expect(try model.matrix("simple_rnn.kernel").values == [1, 2])
    }

    @Test(arguments: [#"["[UNK]","a","b","c","d"]"#, #"["[UNK]","a","b"]"#, #"["a","b"]"#, "abcde", "ab"])
    func vocabulariesOfOtherSizesAreRejected(vocabulary: String) throws {
        try expectRejected(.usage, "has 4 ids", "`vocabulary`") { _ = try read(vocabulary) }
    }

    @Test(arguments: [
        (#"["[UNK]","a","b"]"#, "has 3 entries, but its model has 4 ids"),
        (#"["a","b"]"#, "has 2, or 3 with [UNK], entries, but its model has 4 ids"),
        (#"["[UNK]","a","b","c","d"]"#, "not a list of 4 strings"), (#"["a","the","b"]"#, "has a token (id 2)"),
    ])
    func invalidVocabulariesInTheMetadataAreRejected(list: String, problem: String) throws {
        try expectRejected(.badData, problem, "`vocabulary`") { _ = try read(metadata: list) }
        // A given vocabulary overrides the metadata.
        #expect(try read("cab", metadata: list).model.vocabulary.tokens == ["[UNK]", "a", "b", "c"])
    }

    @Test func aGivenVocabularyMustMatchTheMetadata() throws {
        #expect(try read("cab", metadata: #"["[UNK]","a","b","c"]"#).remarks.isEmpty)
        for other in ["abd", #"["a","c","b"]"#, "abcd"] {
            try expectRejected(.usage, "differs from that of", "leave out `vocabulary`") {
                _ = try read(other, metadata: #"["a","b","c"]"#)
            }
        }
    }

    @Test func weightsWithoutAVocabularyRequireOne() throws {
        try expectRejected(.badData, "no vocabulary for its 4 ids", "`vocabulary`") {
            _ = try ImportFormat.pytorch.read(weights(), vocabulary: nil)
        }
        try expectRejected(.badData, "has a token (id 2)") { _ = try read(#"["a","the","b"]"#) }
    }
}
