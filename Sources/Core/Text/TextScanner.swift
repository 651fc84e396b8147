/// The error for a byte sequence that is not UTF-8.
struct IllFormedText: Error {
    /// The offset in the text of its first byte.
    let offset: Int
}

/// A pass over a text's parts that validates and counts the characters, collects the distinct ones
/// and indexes them.
struct TextScanner {
    /// The number of characters per recorded byte offset.
    static let markInterval = 256

    /// For each code point, 1 if it is in the vocabulary or has been collected, else 0.
    private let known: AlignedBuffer<UInt8>
    private let collects: Bool

    /// The collected characters in order of appearance, without those of the vocabulary; empty
    /// unless collecting.
    private(set) var scalars: [Unicode.Scalar] = []
    /// The number of characters that the given vocabulary lacks, unless they are collected.
    private(set) var unknownCount = 0
    /// The number of characters scanned.
    private(set) var count = 0
    /// The byte offsets of characters 0, 256, 512, …; empty while all characters are ASCII and
    /// offsets equal indices.
    private(set) var marks: [Int] = []

    private var bytes = UnsafeRawBufferPointer(start: nil, count: 0)
    /// The offset of the current part in the text.
    private var start = 0
    private var offset = 0
    private var nextMark = Int.max

    /// Prepares a pass.
    ///
    /// - Parameters:
    ///   - vocabulary: the known characters; nil if none are known.
    ///   - collects: whether to collect unknown characters instead of counting their occurrences.
    init(vocabulary: Vocabulary?, collects: Bool) throws {
        known = try AlignedBuffer(count: 0x110000)
        self.collects = collects
        for scalar in vocabulary?.scalars ?? [] {
            known[Int(scalar.value)] = 1
        }
    }

    /// Scans all characters that start before a limit in the part.
    ///
    /// - Parameters:
    ///   - part: the part; the previous one must have been scanned to its end.
    ///   - limit: an offset in the part, higher than in the previous call.
    /// - Throws: `IllFormedText` at the first sequence that is not UTF-8.
    mutating func scan(_ part: TextPart, before limit: Int) throws {
        if part.start != start || bytes.baseAddress == nil { begin(part) }
        while offset < limit {
            let run = knownASCII(before: limit)
            if run > 0 {
                advance(characters: run, bytes: run)
            } else {
                try scanCharacter()
            }
        }
    }

    private mutating func begin(_ part: TextPart) {
        bytes = part.bytes
        start = part.start
        offset = 0
    }

    /// The length of the run of known ASCII characters that comes next, a multiple of 8.
    private func knownASCII(before limit: Int) -> Int {
        let known = known.pointer
        var end = offset
        while limit - end >= 8 {
            let word = bytes.loadUnaligned(fromByteOffset: end, as: UInt64.self)
            guard word & 0x8080_8080_8080_8080 == 0 else { break }
            let first = known[Int(word & 0xFF)] & known[Int(word &>> 8 & 0xFF)]
            let second = known[Int(word &>> 16 & 0xFF)] & known[Int(word &>> 24 & 0xFF)]
            let third = known[Int(word &>> 32 & 0xFF)] & known[Int(word &>> 40 & 0xFF)]
            let fourth = known[Int(word &>> 48 & 0xFF)] & known[Int(word &>> 56)]
            guard first & second & third & fourth != 0 else { break }
            end += 8
        }
        return end - offset
    }

    private mutating func scanCharacter() throws {
        guard let (value, length) = StrictUTF8.decode(bytes, at: offset), let scalar = Unicode.Scalar(value) else {
            throw IllFormedText(offset: start + offset)
        }
        if length > 1, marks.isEmpty { startMarks() }
        if known[Int(value)] == 0 {
            if collects {
                known[Int(value)] = 1
                scalars.append(scalar)
            } else {
                unknownCount += 1
            }
        }
        advance(characters: 1, bytes: length)
    }

    /// Fills in the marks of the ASCII characters scanned so far, which needed none.
    private mutating func startMarks() {
        marks = Array(stride(from: 0, to: count, by: Self.markInterval))
        nextMark = marks.count * Self.markInterval
    }

    private mutating func advance(characters: Int, bytes: Int) {
        while nextMark < count + characters {
            marks.append(start + offset + nextMark - count)
            nextMark += Self.markInterval
        }
        count += characters
        offset += bytes
    }
}
