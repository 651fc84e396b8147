import Testing

@testable import DTrainCore

@Suite struct CorpusTests {
    private func read(_ corpus: Corpus, from character: Int, count: Int) -> [UInt16] {
        [UInt16](unsafeUninitializedCapacity: count) { buffer, initialized in
            if let ids = buffer.baseAddress { corpus.read(from: character, count: count, into: ids) }
            initialized = count
        }
    }

    /// Some ASCII, then UTF-8 sequences of every length, then ASCII runs across index marks.
    private func mixedText(asciiPrefix: Int) -> String {
        let prefix = String(repeating: "The quick fox\r\n", count: asciiPrefix / 14 + 1).unicodeScalars.prefix(
            asciiPrefix)
        let tail = (0..<30).map { "\(VocabularyTests.mixed)\(String(repeating: "x", count: 7 * $0)) שָׁלוֹם €" }
        return String(String.UnicodeScalarView(prefix)) + tail.joined()
    }

    @Test(arguments: [0, 1, 8, 255, 256, 257, 600])
    func everyPositionMatchesANaiveDecode(asciiPrefix: Int) throws {
        let text = mixedText(asciiPrefix: asciiPrefix)
        let file = try TemporaryText(text)
        let corpus = try Corpus(path: file.path)
        let scalars = Array(text.unicodeScalars)
        let sorted = Set(scalars).sorted()
        let expected = scalars.map { UInt16((sorted.firstIndex(of: $0) ?? -1) + 1) }
        #expect(corpus.count == scalars.count)
        #expect(corpus.vocabulary.scalars == sorted)
        #expect(corpus.unknownCount == 0)
        #expect(read(corpus, from: 0, count: corpus.count) == expected)
        for position in 0...corpus.count {
            let count = min(3, corpus.count - position)
            #expect(read(corpus, from: position, count: count) == Array(expected[position..<position + count]))
            #expect(corpus[position..<position + count] == Array(expected[position..<position + count]))
        }
    }

    @Test func asciiTextIsReadFromEveryPosition() throws {
        let text = String(repeating: "First Citizen:\nBefore we proceed any further\n", count: 20)
        let file = try TemporaryText(text)
        let corpus = try Corpus(path: file.path)
        let expected = corpus.vocabulary.encode(text)
        #expect(corpus.count == text.utf8.count)
        for position in 0..<corpus.count {
            let count = min(10, corpus.count - position)
            #expect(read(corpus, from: position, count: count) == Array(expected[position..<position + count]))
        }
    }

    @Test func lineEndsAndByteOrderMarksAreCharacters() throws {
        let file = try TemporaryText("\u{FEFF}a\r\nb\n")
        let corpus = try Corpus(path: file.path)
        #expect(corpus.vocabulary.scalars == ["\n", "\r", "a", "b", "\u{FEFF}"])
        #expect(read(corpus, from: 0, count: 6) == [5, 3, 2, 1, 4, 1])
    }

    @Test func charactersOutsideAGivenVocabularyAreCounted() throws {
        let file = try TemporaryText("abcabcabcabc\nצאb\u{5B7}abcdefgh")
        let vocabulary = try Vocabulary(scalars: "abcdefצ".unicodeScalars)
        let corpus = try Corpus(path: file.path, vocabulary: vocabulary)
        #expect(corpus.vocabulary == vocabulary)
        #expect(corpus.unknownCount == 5)
        #expect(read(corpus, from: 11, count: 6) == [3, 0, 7, 0, 2, 0])
        #expect(read(corpus, from: corpus.count - 3, count: 3) == [6, 0, 0])
    }

    @Test func anExtendedVocabularyCoversAllCharacters() throws {
        let file = try TemporaryText("abcabcabcabc\nצאb\u{5B7}abcdefgh")
        let vocabulary = try Vocabulary(scalars: "abcdefצ".unicodeScalars)
        let corpus = try Corpus(path: file.path, vocabulary: vocabulary, extendsVocabulary: true)
        #expect(try corpus.vocabulary == vocabulary.extended(with: "\ngh\u{5B7}א".unicodeScalars))
        #expect(corpus.unknownCount == 0 && corpus.count == 25)
        // \n, g and h get 8, 9 and 10, the point 11 and the aleph 12.
        #expect(read(corpus, from: 11, count: 6) == [3, 8, 7, 12, 2, 11])
        let known = try Corpus(path: file.path, vocabulary: corpus.vocabulary, extendsVocabulary: true)
        #expect(known.vocabulary == corpus.vocabulary)
    }

    /// The index has one word per 256 characters of any length, and none for ASCII.
    @Test func theIndexUsesEightBytesPer256Characters() throws {
        let ascii = try TemporaryText(String(repeating: "to be or not ", count: 5000))
        #expect(try Corpus(path: ascii.path).indexByteCount == 0)
        let emoji = try TemporaryText(String(repeating: "😀a", count: 50_000))
        let corpus = try Corpus(path: emoji.path)
        #expect(corpus.count == 100_000)
        #expect(corpus.indexByteCount == (100_000 + 255) / 256 * 8)
    }

    @Test func charactersAcrossScanChunksAreDecoded() throws {
        let boundary = Corpus.scanChunk
        let bytes = [UInt8](repeating: 0x61, count: boundary - 1) + Array("€bé".utf8)
        let file = try TemporaryText(bytes)
        let corpus = try Corpus(path: file.path)
        #expect(corpus.count == boundary + 2)
        #expect(read(corpus, from: boundary - 2, count: 4) == [1, 4, 2, 3])
        #expect(corpus.checksum == bytes.withUnsafeBytes { Checksum.hexadecimal(of: $0) })
    }

    @Test func theChecksumIsThatOfTheFile() throws {
        let text = mixedText(asciiPrefix: 10)
        let file = try TemporaryText(text)
        let expected = Array(text.utf8).withUnsafeBytes { Checksum.hexadecimal(of: $0) }
        #expect(try Corpus(path: file.path).checksum == expected)
    }

    /// Bytes in no valid encoding, with a byte order mark, NULs, CRLF and truncated characters.
    private static let anyBytes: [UInt8] =
        [0xEF, 0xBB, 0xBF, 0, 0x0D, 0x0A, 0xFF, 0xFE, 0xC3] + (0...255).reversed() + [0xE2, 0x82]

    @Test func anyFileReadsAsByteIDs() throws {
        let file = try TemporaryText(Self.anyBytes)
        let corpus = try Corpus(path: file.path, vocabulary: .bytes)
        let expected = Self.anyBytes.map { UInt16($0) + 1 }
        #expect(corpus.count == Self.anyBytes.count && corpus.tokenization == .bytes)
        #expect(corpus.unknownCount == 0 && corpus.warning == nil && corpus.indexByteCount == 0)
        #expect(corpus.checksum == Self.anyBytes.withUnsafeBytes { Checksum.hexadecimal(of: $0) })
        for position in 0...corpus.count {
            let count = min(5, corpus.count - position)
            #expect(read(corpus, from: position, count: count) == Array(expected[position..<position + count]))
        }
    }

    @Test func bytesOfSeveralFilesEqualThoseOfTheJoinedFile() throws {
        // Cuts inside the byte order mark, inside the start of a character, and at its end.
        let files = try [0..<1, 1..<2, 2..<9, 9..<200, 200..<266, 266..<267].map {
            try TemporaryText(Self.anyBytes[$0])
        }
        let corpus = try Corpus(paths: files.map(\.path), vocabulary: .bytes)
        #expect(read(corpus, from: 0, count: corpus.count) == Self.anyBytes.map { UInt16($0) + 1 })
        let whole = try TemporaryText(Self.anyBytes)
        #expect(try corpus.checksum == Corpus(path: whole.path, vocabulary: .bytes).checksum)
    }

    @Test func aCorpusOfCharactersCanBeReadAsBytes() throws {
        let file = try TemporaryText("aé")
        let characters = try Corpus(path: file.path)
        #expect(characters.count == 2)
        #expect(try Corpus(characters, vocabulary: .bytes)[0..<3] == [98, 196, 170])
    }

    @Test func emptyFileIsBadData() throws {
        let file = try TemporaryText("")
        let error = #expect(throws: DTrainError.self) { try Corpus(path: file.path) }
        #expect(error?.category == .badData)
        #expect(error?.message.contains(file.path) == true)
    }

    @Test func missingFileIsNoInput() {
        let error = #expect(throws: DTrainError.self) { try Corpus(path: "/nonexistent/text") }
        #expect(error?.category == .noInput)
    }

    @Test func tooManyDistinctCharactersAreRejectedNamingTheFile() throws {
        let scalars = (0..<0x110000 as Range<UInt32>).lazy.compactMap(Unicode.Scalar.init).prefix(65_536)
        let file = try TemporaryText(String(String.UnicodeScalarView(scalars)))
        let error = #expect(throws: DTrainError.self) { try Corpus(path: file.path) }
        #expect(error?.category == .badData)
        #expect(error?.message.contains("'\(file.path)' has 65536 distinct characters") == true)
    }

    @Test func concurrentReadsGiveTheSameIDs() async throws {
        let text = mixedText(asciiPrefix: 300)
        let file = try TemporaryText(text)
        let corpus = try Corpus(path: file.path)
        let expected = corpus.vocabulary.encode(text)
        let results = await withTaskGroup(of: [UInt16].self) { group in
            for _ in 0..<8 { group.addTask { self.read(corpus, from: 0, count: corpus.count) } }
            return await group.reduce(into: []) { $0.append($1) }
        }
        #expect(results == Array(repeating: expected, count: 8))
    }

    @Test func readingReportsProgress() throws {
        let file = try TemporaryText([UInt8](repeating: 0x61, count: 2 * Corpus.scanChunk + 1))
        let heartbeat = Heartbeat()
        _ = try Corpus(path: file.path, heartbeat: heartbeat)
        #expect(heartbeat.beats == 3)
    }
}
