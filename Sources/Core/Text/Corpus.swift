/// A text as a sequence of ids, read from memory-mapped files on demand.
///
/// An id stands for a Unicode scalar of UTF-8 text, or for a byte of any file. Line ends stay as
/// they are. A byte order mark is a character like any other. Several files are one text, joined as
/// `cat` joins them, even where a file ends inside a character.
///
/// Besides the page cache, the index takes 1/32 byte per character, and nothing for pure ASCII.
/// With `Vocabulary.bytes`, any file is a corpus and needs no index.
///
/// The files must not change while they are in use. Changing one in place gives wrong ids;
/// truncating one crashes the process.
public final class Corpus: Sendable {
    /// The number of bytes scanned before their pages are released; a multiple of the page size.
    static let scanChunk = 4 << 20

    /// The given files and folders.
    public var paths: [String] { text.paths }
    /// The files in order, with each folder replaced by the files in it.
    public var files: [String] { text.files.map(\.path) }
    /// The given paths for messages, shortened when there are many.
    public var name: String { text.name }
    /// The number of characters or bytes in the text.
    public let count: Int
    /// The checksum of the text's bytes, in `Checksum`'s format.
    public let checksum: String
    /// The mapping between ids and characters or bytes.
    public let vocabulary: Vocabulary
    /// The number of characters that are missing from the given vocabulary; 0 when it was built
    /// from the text.
    public let unknownCount: Int
    /// Why the input may not be text although it is valid UTF-8, with a remedy, on one line; nil if
    /// nothing looks wrong.
    public let warning: String?

    private let text: JoinedText
    private let pages: ResidentPages
    /// The byte offset of every 256th character; empty for ASCII.
    private let marks: [Int]

    /// Opens, validates and indexes a text in one pass.
    ///
    /// - Parameters:
    ///   - path: a file, or a folder whose `*.txt` files are the text.
    ///   - vocabulary: the vocabulary of the ids; nil builds one from the text's characters.
    ///   - extendsVocabulary: whether characters missing from the vocabulary get new ids after its
    ///     own, instead of `[UNK]`.
    ///   - heartbeat: beats as chunks are read.
    /// - Throws: the errors of `init(paths:vocabulary:extendsVocabulary:heartbeat:)`.
    public convenience init(
        path: String, vocabulary: Vocabulary? = nil, extendsVocabulary: Bool = false, heartbeat: Heartbeat? = nil
    ) throws {
        try self.init(
            paths: [path], vocabulary: vocabulary, extendsVocabulary: extendsVocabulary, heartbeat: heartbeat)
    }

    /// Opens, validates and indexes several files as one text, in one pass.
    ///
    /// - Parameters:
    ///   - paths: files and folders, in order. A folder stands for the `*.txt` files directly in
    ///     it, sorted by the bytes of their names.
    ///   - vocabulary: the vocabulary of the ids; nil builds one from the text's characters.
    ///   - extendsVocabulary: whether characters missing from the vocabulary get new ids after its
    ///     own, instead of `[UNK]`.
    ///   - heartbeat: beats as chunks are read.
    /// - Throws: `DTrainError` with `noInput` or `inputOutput` when a file can't be read, or is a
    ///   pipe or a device. `DTrainError` with `badData` when the text is empty, has too many
    ///   distinct characters, or is not UTF-8; the message names the file, the offset of the first
    ///   ill-formed sequence, and the likely format of the file.
    public convenience init(
        paths: [String], vocabulary: Vocabulary? = nil, extendsVocabulary: Bool = false, heartbeat: Heartbeat? = nil
    ) throws {
        try self.init(
            paths: paths, vocabulary: vocabulary, extendsVocabulary: extendsVocabulary,
            pipes: .refuse("which can be read only once"), heartbeat: heartbeat)
    }

    /// Opens files, or a pipe if the rule allows one.
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
            (count, marks, unknownCount, warning) = (text.byteCount, [], 0, nil)
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
                    + "\(Vocabulary.maximumScalarCount) that ids can represent; use a text with fewer")
        }
        self.vocabulary = try vocabulary?.extended(with: scanner.scalars) ?? Vocabulary(scalars: scanner.scalars)
        count = scanner.count
        marks = scanner.marks
        unknownCount = scanner.unknownCount
        warning = TextWarning.find(in: text, vocabulary == nil ? scanner.scalars : [])
    }

    /// Reads all bytes and returns their checksum.
    ///
    /// Works chunk by chunk, so even a text larger than memory is read from disk only once.
    ///
    /// - Parameter scan: receives each part in order, with the offset up to which it may be read.
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

    /// Throws if none of the text's characters is in the given vocabulary.
    ///
    /// - Parameter model: the file that holds the vocabulary.
    /// - Throws: `DTrainError` with `badData` that names both files.
    package func requireKnownCharacters(of model: String) throws {
        guard unknownCount == count else { return }
        throw DTrainError(
            .badData, "no character of '\(name)' is in the vocabulary of '\(model)'",
            hint: "name a text in that alphabet with `data`")
    }

    /// The size of the index in bytes.
    var indexByteCount: Int { marks.count * MemoryLayout<Int>.stride }

    /// Whether ids are characters or bytes.
    public var tokenization: Tokenization { vocabulary.tokenization }

    /// A copy of the ids of consecutive characters or bytes; the range must lie within the text.
    public subscript(characters: Range<Int>) -> [UInt16] {
        [UInt16](unsafeUninitializedCapacity: characters.count) { ids, count in
            guard let base = ids.baseAddress else { return }
            read(from: characters.lowerBound, count: characters.count, into: base)
            count = characters.count
        }
    }

    /// Reads the ids of consecutive characters or bytes; safe to call from any number of threads.
    ///
    /// - Parameters:
    ///   - character: the position of the first one.
    ///   - count: the number to read; all must lie within the text.
    ///   - ids: the destination, with room for `count` ids.
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
