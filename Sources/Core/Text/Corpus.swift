/// A text as a sequence of ids, read from mapped files when asked for: those of UTF-8's characters, or of the bytes of any file.
///
/// Characters are Unicode scalars. Line ends stay as they are, and a byte order mark is a character like any other. Several files
/// are one text, as `cat` joins them, also where one ends inside a character. Beside the page cache's own pages the corpus takes
/// a 32nd of a byte per character for its index, and none for a text that is all ASCII.
///
/// Opened with `Vocabulary.bytes`, any file is a corpus; it needs no index, and nothing in it has a meaning of its own.
///
/// The files must not change while they are in use: a change in place gives wrong ids, and cutting one off ends the process.
public final class Corpus: Sendable {
    /// How much of a file is scanned between giving its pages back, a multiple of the page size.
    static let scanChunk = 4 << 20

    /// The files and folders, as given.
    public var paths: [String] { text.paths }
    /// The files in order, with those of folders in place of the folders.
    public var files: [String] { text.files.map(\.path) }
    /// What was given, for messages: the path, or some of the paths.
    public var name: String { text.name }
    /// How many characters or bytes the text has.
    public let count: Int
    /// The checksum of the text's bytes, as `Checksum` writes it.
    public let checksum: String
    /// What the ids mean.
    public let vocabulary: Vocabulary
    /// How many of the text's characters the given vocabulary lacks; 0 when it was built from the text.
    public let unknownCount: Int
    /// Why it may be no text though it is UTF-8, and what to do, one line; nil where all is well.
    public let doubt: String?

    private let text: JoinedText
    private let pages: ResidentPages
    /// The byte offset of every 256th character; empty for ASCII.
    private let marks: [Int]

    /// Opens, validates and indexes a text in one pass.
    ///
    /// - Parameters:
    ///   - path: the file, or a folder, which stands for its `*.txt`.
    ///   - vocabulary: what the ids mean; nil builds one of characters from the text.
    ///   - extendsVocabulary: whether characters that the vocabulary lacks get ids behind its own, instead of `[UNK]`.
    ///   - heartbeat: shows that reading goes on.
    /// - Throws: as `init(paths:vocabulary:extendsVocabulary:heartbeat:)` does.
    public convenience init(
        path: String, vocabulary: Vocabulary? = nil, extendsVocabulary: Bool = false, heartbeat: Heartbeat? = nil
    ) throws {
        try self.init(
            paths: [path], vocabulary: vocabulary, extendsVocabulary: extendsVocabulary, heartbeat: heartbeat)
    }

    /// Opens, validates and indexes several files as one text, in one pass.
    ///
    /// - Parameters:
    ///   - paths: files and folders, in order; a folder stands for its `*.txt`, not deeper, in the order of their names' bytes.
    ///   - vocabulary: what the ids mean; nil builds one of characters from the text.
    ///   - extendsVocabulary: whether characters that the vocabulary lacks get ids behind its own, instead of `[UNK]`.
    ///   - heartbeat: shows that reading goes on.
    /// - Throws: `DTrainError` with `noInput` or `inputOutput` when a file can't be read, is a pipe or a device; with `badData`
    ///   when there is no text, too many distinct characters, or something else than UTF-8: it names the file, the offset where
    ///   the first ill-formed sequence starts, and what the file seems to be.
    public convenience init(
        paths: [String], vocabulary: Vocabulary? = nil, extendsVocabulary: Bool = false, heartbeat: Heartbeat? = nil
    ) throws {
        try self.init(
            paths: paths, vocabulary: vocabulary, extendsVocabulary: extendsVocabulary,
            pipes: .refuse("which can be read only once"), heartbeat: heartbeat)
    }

    /// Opens files, or a pipe where the rule allows that.
    package convenience init(
        paths: [String], vocabulary: Vocabulary?, extendsVocabulary: Bool = false, pipes: PipeRule,
        heartbeat: Heartbeat? = nil
    ) throws {
        try self.init(
            JoinedText(paths: paths, pipes: pipes), vocabulary: vocabulary, extends: extendsVocabulary,
            heartbeat: heartbeat)
    }

    /// The same text with another vocabulary.
    ///
    /// - Throws: `DTrainError` with `internal` when memory runs out.
    package convenience init(_ other: Corpus, vocabulary: Vocabulary?) throws {
        try self.init(other.text, vocabulary: vocabulary, extends: false, heartbeat: nil)
    }

    private init(_ text: JoinedText, vocabulary: Vocabulary?, extends: Bool, heartbeat: Heartbeat?) throws {
        let pages = ResidentPages(of: text.mapped)
        self.text = text
        self.pages = pages
        if let vocabulary, vocabulary.tokenization == .bytes {
            checksum = try Self.readOnce(text, releasing: pages, heartbeat) { _, _ in }
            self.vocabulary = vocabulary
            (count, marks, unknownCount, doubt) = (text.byteCount, [], 0, nil)
            return
        }
        var scanner = try TextScanner(vocabulary: vocabulary, collects: extends || vocabulary == nil)
        checksum = try Self.readOnce(text, releasing: pages, heartbeat) { part, limit in
            do { try scanner.scan(part, before: limit) } catch let problem as IllFormedText {
                throw TextDiagnosis.error(problem, in: text)
            }
        }
        guard scanner.scalars.count <= Vocabulary.maximumScalarCount else {
            throw DTrainError(
                .badData,
                "'\(text.name)' has \(scanner.scalars.count) distinct characters, more than the "
                    + "\(Vocabulary.maximumScalarCount) that ids can name; use a text with fewer")
        }
        self.vocabulary = try vocabulary?.extended(with: scanner.scalars) ?? Vocabulary(scalars: scanner.scalars)
        count = scanner.count
        marks = scanner.marks
        unknownCount = scanner.unknownCount
        doubt = TextDoubt.find(in: text, vocabulary == nil ? scanner.scalars : [])
    }

    /// Reads all bytes and returns their checksum.
    ///
    /// Chunk by chunk, so that a text larger than the memory is read from the disk only once.
    ///
    /// - Parameter scan: gets each part with the offset in it up to which it may be read, in order.
    private static func readOnce(
        _ text: JoinedText, releasing pages: ResidentPages, _ heartbeat: Heartbeat?,
        scan: (TextPart, Int) throws -> Void
    ) throws -> String {
        var checksum = try Checksum()
        for part in text.parts {
            for start in stride(from: 0, to: part.bytes.count, by: scanChunk) {
                let chunk = UnsafeRawBufferPointer(rebasing: part.bytes[start...].prefix(scanChunk))
                checksum.update(chunk)
                try scan(part, start + chunk.count)
                pages.release(chunk, of: part)
                heartbeat?.beat()
            }
        }
        return checksum.hexadecimal
    }

    /// Refuses a text of which the given vocabulary knows no character.
    ///
    /// - Parameter model: the file that the vocabulary comes from.
    /// - Throws: `DTrainError` with `badData` that names both.
    package func requireKnownCharacters(of model: String) throws {
        guard unknownCount == count else { return }
        throw DTrainError(
            .badData, "no character of '\(name)' is in the vocabulary of '\(model)'",
            hint: "name a text in that alphabet with `data`")
    }

    /// What the index takes in memory.
    var indexByteCount: Int { marks.count * MemoryLayout<Int>.stride }

    /// Whether ids are characters or bytes.
    public var tokenization: Tokenization { vocabulary.tokenization }

    /// The ids of consecutive characters or bytes, a copy; the range must lie within the text.
    public subscript(characters: Range<Int>) -> [UInt16] {
        [UInt16](unsafeUninitializedCapacity: characters.count) { ids, count in
            guard let base = ids.baseAddress else { return }
            read(from: characters.lowerBound, count: characters.count, into: base)
            count = characters.count
        }
    }

    /// Reads the ids of consecutive characters; any number of threads may read at once.
    ///
    /// - Parameters:
    ///   - character: the first character.
    ///   - count: how many; all must lie within the text.
    ///   - ids: where they go; room for `count`.
    package func read(from character: Int, count: Int, into ids: UnsafeMutablePointer<UInt16>) {
        precondition(character >= 0 && count >= 0 && character <= self.count - count, "characters out of range")
        guard tokenization == .characters else { return readBytes(character..<character + count, into: ids) }
        var cursor = cursor(at: character)
        let start = cursor.position
        for index in 0..<count { ids[index] = vocabulary.id(ofCodePoint: cursor.next()) }
        pages.touch(cursor.position - start)
    }

    private func readBytes(_ range: Range<Int>, into ids: UnsafeMutablePointer<UInt16>) {
        var next = ids
        text.forEachPiece(of: range) { piece in
            for index in piece.indices { next[index] = Vocabulary.id(ofByte: piece[index]) }
            next += piece.count
            return true
        }
        pages.touch(range.count)
    }

    private func cursor(at character: Int) -> TextCursor {
        guard !marks.isEmpty, character < count else { return TextCursor(text.parts, at: character) }
        var cursor = TextCursor(text.parts, at: marks[character / TextScanner.markInterval])
        for _ in 0..<character % TextScanner.markInterval { _ = cursor.next() }
        return cursor
    }
}
