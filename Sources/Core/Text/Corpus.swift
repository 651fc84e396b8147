/// A UTF-8 text as a sequence of character ids, read from a mapped file when asked for.
///
/// Characters are Unicode scalars. Line ends stay as they are, and a byte order mark is a character like any other. Beside the
/// page cache's own pages the corpus takes a 32nd of a byte per character for its index, and none for a text that is all ASCII.
///
/// The file must not change while it is in use: a change in place gives wrong ids, and cutting it off ends the process.
public final class Corpus: Sendable {
    /// How much of a file is scanned between giving its pages back, a multiple of the page size.
    static let scanChunk = 4 << 20

    /// The file's path, as given.
    public let path: String
    /// How many characters the text has.
    public let count: Int
    /// The checksum of the file's bytes, as `Checksum` writes it.
    public let checksum: String
    /// What the ids mean.
    public let vocabulary: Vocabulary
    /// How many of the text's characters the given vocabulary lacks; 0 when it was built from the text.
    public let unknownCount: Int

    private let file: MappedFile
    private let pages: ResidentPages
    /// The byte offset of every 256th character; empty for ASCII.
    private let marks: [Int]

    /// Opens, validates and indexes a text in one pass.
    ///
    /// - Parameters:
    ///   - path: the file.
    ///   - vocabulary: what the ids mean; nil builds it from the text.
    ///   - heartbeat: shows that reading goes on.
    /// - Throws: `DTrainError` with `noInput` or `inputOutput` when the file can't be read; with `badData` when it is empty, has
    ///   too many distinct characters, or is not UTF-8, naming the offset where the first ill-formed sequence starts.
    public init(path: String, vocabulary: Vocabulary? = nil, heartbeat: Heartbeat? = nil) throws {
        let file = try MappedFile(path: path, kind: "text file")
        guard !file.bytes.isEmpty else {
            throw DTrainError(.badData, "text file '\(path)' is empty; name a file that has text in it")
        }
        var scanner = try TextScanner(path: path, bytes: file.bytes, vocabulary: vocabulary)
        let pages = ResidentPages(of: file)
        checksum = try Self.scan(file.bytes, with: &scanner, releasing: pages, heartbeat)
        guard scanner.scalars.count <= Vocabulary.maximumScalarCount else {
            throw DTrainError(
                .badData,
                "'\(path)' has \(scanner.scalars.count) distinct characters, more than the "
                    + "\(Vocabulary.maximumScalarCount) that ids can name; use a text with fewer")
        }
        self.vocabulary = try vocabulary ?? Vocabulary(scalars: scanner.scalars)
        self.path = path
        self.file = file
        self.pages = pages
        count = scanner.count
        marks = scanner.marks
        unknownCount = scanner.unknownCount
    }

    /// Scans all bytes and returns their checksum.
    ///
    /// Chunk by chunk, so that a file larger than the memory is read from the disk only once.
    private static func scan(
        _ bytes: UnsafeRawBufferPointer, with scanner: inout TextScanner, releasing pages: ResidentPages,
        _ heartbeat: Heartbeat?
    ) throws -> String {
        var checksum = try Checksum()
        for start in stride(from: 0, to: bytes.count, by: scanChunk) {
            let chunk = UnsafeRawBufferPointer(rebasing: bytes[start...].prefix(scanChunk))
            checksum.update(chunk)
            try scanner.scan(before: start + chunk.count)
            pages.release(chunk)
            heartbeat?.beat()
        }
        return checksum.hexadecimal
    }

    /// What the index takes in memory.
    var indexByteCount: Int { marks.count * MemoryLayout<Int>.stride }

    /// The ids of consecutive characters, a copy; the range must lie within the text.
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
        let bytes = file.bytes
        let start = byteOffset(of: character)
        var offset = start
        for index in 0..<count {
            // Only a file that was changed after it was validated can fail here.
            let (value, length) = StrictUTF8.decode(bytes, at: offset) ?? (0, 1)
            ids[index] = vocabulary.id(ofCodePoint: value)
            offset += length
        }
        pages.touch(offset - start)
    }

    private func byteOffset(of character: Int) -> Int {
        guard !marks.isEmpty, character < count else { return character }
        var offset = marks[character / TextScanner.markInterval]
        for _ in 0..<character % TextScanner.markInterval {
            offset += StrictUTF8.decode(file.bytes, at: offset)?.length ?? 1
        }
        return offset
    }
}
