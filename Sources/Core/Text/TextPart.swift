/// A contiguous piece of a text that holds whole characters.
struct TextPart: @unchecked Sendable {
    /// The bytes; the owner of the part keeps them alive.
    let bytes: UnsafeRawBufferPointer
    /// The offset of its first byte in the text.
    let start: Int
    /// Whether the bytes are pages of a mapped file, which can be released.
    let isMapped: Bool
}

/// Divides consecutive memory into parts of whole characters.
///
/// Files and buffers of a pipe may end inside a character. Only the bytes of such a character are
/// copied, into a part of their own.
struct TextParts {
    private(set) var parts: [TextPart] = []
    /// The memory of characters that span files or buffers.
    private(set) var seams: [AlignedBuffer<UInt8>] = []
    /// The number of bytes in all parts.
    private(set) var byteCount = 0
    /// The first bytes of a character that isn't complete yet.
    private var pending: [UInt8] = []

    /// Appends bytes, which must stay valid and in place.
    mutating func append(_ bytes: UnsafeRawBufferPointer, isMapped: Bool) throws {
        var rest = bytes[...]
        while let lead = pending.first, pending.count < StrictUTF8.length(lead: lead), let byte = rest.first,
            byte & 0xC0 == 0x80
        {
            pending.append(byte)
            rest = rest.dropFirst()
        }
        guard !rest.isEmpty else { return }
        try flush()
        let whole = rest.dropLast(Self.unfinished(rest))
        if !whole.isEmpty { add(UnsafeRawBufferPointer(rebasing: whole), isMapped: isMapped) }
        pending = Array(rest[whole.endIndex...])
    }

    /// Ends the text.
    mutating func finish() throws { try flush() }

    private mutating func flush() throws {
        guard !pending.isEmpty else { return }
        let memory = try AlignedBuffer<UInt8>(count: pending.count)
        memory.pointer.initialize(from: pending, count: pending.count)
        seams.append(memory)
        add(UnsafeRawBufferPointer(start: memory.pointer, count: pending.count), isMapped: false)
        pending = []
    }

    private mutating func add(_ bytes: UnsafeRawBufferPointer, isMapped: Bool) {
        parts.append(TextPart(bytes: bytes, start: byteCount, isMapped: isMapped))
        byteCount += bytes.count
    }

    /// The number of bytes at the end that start a character and don't complete it.
    private static func unfinished(_ bytes: Slice<UnsafeRawBufferPointer>) -> Int {
        for count in 1...3 where count <= bytes.count {
            let byte = bytes[bytes.endIndex - count]
            if byte & 0xC0 != 0x80 { return StrictUTF8.length(lead: byte) > count ? count : 0 }
        }
        return 0
    }
}

/// A cursor over the characters of a text, across its parts.
struct TextCursor {
    private let parts: [TextPart]
    private var index: Int
    private var bytes: UnsafeRawBufferPointer
    private var offset: Int

    /// Starts at a byte offset of the text, which must be the start of a character.
    init(_ parts: [TextPart], at start: Int) {
        self.parts = parts
        index = Self.index(in: parts, of: start)
        bytes = parts[index].bytes
        offset = start - parts[index].start
    }

    /// The index of the part that holds a byte of the text; the last index for offsets past the
    /// end.
    ///
    /// - Parameter parts: at least one part.
    static func index(in parts: [TextPart], of offset: Int) -> Int {
        var (low, high) = (0, parts.count - 1)
        while low < high {
            let middle = (low + high + 1) / 2
            if parts[middle].start <= offset { low = middle } else { high = middle - 1 }
        }
        return low
    }

    /// The byte offset in the text of the next character.
    var position: Int { parts[index].start + offset }

    /// The next character's code point.
    @inline(__always)
    mutating func next() -> UInt32 {
        while offset >= bytes.count, index + 1 < parts.count {
            index += 1
            bytes = parts[index].bytes
            offset = 0
        }
        // Decoding can fail only if the file was changed after it was validated.
        let (value, length) = StrictUTF8.decode(bytes, at: offset) ?? (0, 1)
        offset += length
        return value
    }
}
