import Testing

@testable import DTrainCore

@Suite struct VocabularyTests {
    /// Hebrew with niqqud, a ZWJ family, a skin tone, a decomposed é, CRLF, a private-use and the
    /// last code point.
    static let mixed = "בְּרֵאשִׁית 👩‍👩‍👧‍👦 👍🏽 e\u{301}\r\nA\u{E000}\u{10FFFF}\u{0}\u{7F}\u{80}\u{FFFF}"

    @Test func idsNumberTheSortedScalarsFromOne() throws {
        let vocabulary = try Vocabulary(scalars: "cab\u{301}a\r\n".unicodeScalars)
        #expect(vocabulary.scalars == ["\n", "\r", "a", "b", "c", "\u{301}"])
        #expect(vocabulary.size == 7)
        #expect(vocabulary.encode("cab\u{301}a\r\n") == [5, 3, 4, 6, 3, 2, 1])
    }

    @Test func mixedTextRoundTripsThroughIDs() throws {
        let text = Self.mixed
        let vocabulary = try Vocabulary(scalars: text.unicodeScalars)
        let sorted = Set(text.unicodeScalars.map(\.value)).sorted()
        let expected = text.unicodeScalars.map { UInt16((sorted.firstIndex(of: $0.value) ?? -1) + 1) }
        let ids = vocabulary.encode(text)
        #expect(ids == expected)
        #expect(vocabulary.size == sorted.count + 1)
        #expect(vocabulary.decode(ids).unicodeScalars.elementsEqual(text.unicodeScalars))
        for id in 1..<UInt16(vocabulary.size) {
            #expect(vocabulary.scalar(of: id).map(vocabulary.id) == id)
        }
    }

    @Test func graphemeClustersAreSplitIntoScalars() throws {
        let vocabulary = try Vocabulary(scalars: "e\u{301}".unicodeScalars)
        #expect(vocabulary.encode("e\u{301}").count == 2)
        #expect(vocabulary.encode("\u{E9}") == [0])
    }

    @Test func unknownCharactersAreZeroAndListedInOrder() throws {
        let vocabulary = try Vocabulary(scalars: "abc".unicodeScalars)
        #expect(vocabulary.encode("axb😀") == [1, 0, 2, 0])
        #expect(vocabulary.missing(in: "z😀azy\u{10FFFF}z") == ["z", "😀", "y", "\u{10FFFF}"])
        #expect(vocabulary.missing(in: "cab").isEmpty)
        #expect(vocabulary.missing(in: "").isEmpty)
    }

    @Test func idsWithoutACharacterDecodeAsUnknown() throws {
        let vocabulary = try Vocabulary(scalars: "ab".unicodeScalars)
        #expect(vocabulary.scalar(of: 0) == nil)
        #expect(vocabulary.scalar(of: 3) == nil)
        #expect(vocabulary.decode([1, 0, 2]) == "a[UNK]b")
        #expect(vocabulary.decode([.max]) == "[UNK]")
    }

    @Test func tokensRestoreTheVocabulary() throws {
        let vocabulary = try Vocabulary(scalars: Self.mixed.unicodeScalars)
        let restored = try Vocabulary(tokens: vocabulary.tokens)
        #expect(restored == vocabulary)
        #expect(restored.hashValue == vocabulary.hashValue)
        #expect(vocabulary.tokens.first == "[UNK]")
        #expect(vocabulary.tokens.count == vocabulary.size)
        #expect(try Vocabulary(scalars: "ab".unicodeScalars) != Vocabulary(scalars: "ac".unicodeScalars))
    }

    @Test(arguments: [
        [], ["[UNK]"], ["a", "b"], ["", "a"], ["[unk]", "a"], ["[UN\u{212A}]", "a"], ["[UNK]", ""], ["[UNK]", "ab"],
        ["[UNK]", "e\u{301}"], ["[UNK]", "\r\n"], ["[UNK]", "b", "a", "b"], ["[UNK]", "a", "a"],
        ["[UNK]", "a", "[UNK]"],
    ])
    func invalidTokenListsAreBadData(tokens: [String]) {
        let error = #expect(throws: DTrainError.self) { try Vocabulary(tokens: tokens) }
        #expect(error?.category == .badData)
    }

    /// Two tokens that Swift's `==` calls equal are still two characters.
    @Test func canonicallyEquivalentTokensAreDistinct() throws {
        let vocabulary = try Vocabulary(tokens: ["[UNK]", "\u{3A9}", "\u{2126}"])
        #expect(vocabulary.encode("\u{2126}\u{3A9}") == [2, 1])
        #expect(try Vocabulary(tokens: ["[UNK]", "\u{2126}", "\u{3A9}"]).encode("\u{2126}\u{3A9}") == [1, 2])
    }

    @Test func byteIDsStartAtOne() throws {
        let bytes = Vocabulary.bytes
        #expect(bytes.size == 257 && bytes.tokenization == .bytes && bytes.scalars.isEmpty)
        #expect(bytes.tokens.count == 257)
        #expect(bytes.tokens[0] == "[UNK]" && bytes.tokens[1] == "<00>" && bytes.tokens[11] == "<0a>")
        #expect(bytes.tokens[256] == "<ff>")
        // 0xE2 0x82 0xAC is the UTF-8 of the euro sign.
        #expect(bytes.encode("a€") == [98, 227, 131, 173])
        #expect(bytes.decode([98, 227, 131, 173]) == "a€")
        #expect(bytes.missing(in: Self.mixed).isEmpty)
        #expect(bytes.id(of: "a") == 0 && bytes.scalar(of: 98) == nil)
    }

    @Test func byteIDsDecodeToTheSameBytes() {
        let all = (0...255 as ClosedRange<UInt8>).map { $0 }
        #expect(Vocabulary.bytes.bytes(of: all.map { UInt16($0) + 1 }) == all)
        #expect(Vocabulary.bytes.bytes(of: [256, 0, 257]) == [0xFF] + Array("[UNK][UNK]".utf8))
        #expect(Vocabulary.bytes.decode([256]) == "\u{FFFD}")
    }

    @Test func onlyTheCompleteByteListIsAByteVocabulary() throws {
        let tokens = Vocabulary.bytes.tokens
        #expect(try Vocabulary(tokens: tokens) == .bytes)
        var upper = tokens
        upper[256] = "<FF>"
        for other in [upper, tokens.dropLast(), tokens.dropLast() + ["a"], tokens + ["a"]] as [[String]] {
            #expect(throws: DTrainError.self) { try Vocabulary(tokens: other) }
        }
        // The same number of characters isn't a byte vocabulary.
        let characters = try Vocabulary(scalars: (0x100..<0x200).compactMap(Unicode.Scalar.init))
        #expect(characters.size == 257 && characters.tokenization == .characters)
    }

    @Test func addedCharactersGetIDsAfterTheExistingOnes() throws {
        let old = try Vocabulary(scalars: "bd".unicodeScalars)
        let extended = try old.extended(with: "dcéab".unicodeScalars)
        #expect(extended.encode("bdacé") == [1, 2, 3, 4, 5])
        #expect(extended.size == 6 && extended.decode([5, 3, 1]) == "éab")
        #expect(try Vocabulary(tokens: extended.tokens) == extended)
        #expect(try extended.extended(with: "A".unicodeScalars).encode("Aé") == [6, 5])
        #expect(try old.extended(with: "db".unicodeScalars) == old)
        #expect(try Vocabulary.bytes.extended(with: "é".unicodeScalars) == .bytes)
        #expect(old.isAscending && !extended.isAscending)
        let scalars = (0..<0x110000 as Range<UInt32>).lazy.compactMap(Unicode.Scalar.init)
        let most = try Vocabulary(scalars: scalars.prefix(65_534))
        #expect(try most.extended(with: ["\u{10FFFF}"]).size == 65_536)
        #expect(throws: DTrainError.self) { try most.extended(with: ["\u{10FFFF}", "\u{10FFFE}"]) }
    }

    @Test func vocabulariesAreLimitedTo16BitIDs() throws {
        let scalars = (0..<0x110000 as Range<UInt32>).lazy.compactMap(Unicode.Scalar.init)
        let most = try Vocabulary(scalars: scalars.prefix(65_535))
        #expect(most.size == 65_536)
        let last = try #require(most.scalars.last)
        #expect(most.id(of: last) == 65_535)
        #expect(most.scalar(of: 65_535) == last)
        let error = #expect(throws: DTrainError.self) { try Vocabulary(scalars: scalars.prefix(65_536)) }
        #expect(error?.category == .badData)
        #expect(throws: DTrainError.self) { try Vocabulary(scalars: []) }
        let tokens = ["[UNK]"] + scalars.prefix(65_536).map { String($0) }
        #expect(throws: DTrainError.self) { try Vocabulary(tokens: tokens) }
    }
}
