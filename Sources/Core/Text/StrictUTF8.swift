/// UTF-8 as the Unicode Standard defines it (table 3-7): no overlong forms, no surrogates, nothing
/// above U+10FFFF.
enum StrictUTF8 {
    /// The character that starts at an offset and its length in bytes; nil if the bytes are
    /// ill-formed or truncated.
    @inline(__always)
    static func decode(_ bytes: UnsafeRawBufferPointer, at offset: Int) -> (scalar: UInt32, length: Int)? {
        guard offset < bytes.count else { return nil }
        let lead = bytes[offset]
        return lead < 0x80 ? (UInt32(lead), 1) : decodeSequence(bytes, at: offset, lead: lead)
    }

    /// The length in bytes of a character with the given first byte; 1 for a byte that starts no
    /// character.
    static func length(lead: UInt8) -> Int {
        switch lead {
        case 0xC2...0xDF: 2
        case 0xE0...0xEF: 3
        case 0xF0...0xF4: 4
        default: 1
        }
    }

    private static func decodeSequence(
        _ bytes: UnsafeRawBufferPointer, at offset: Int, lead: UInt8
    ) -> (scalar: UInt32, length: Int)? {
        let length: Int
        // The valid range of the second byte alone excludes overlong forms, surrogates and values
        // above U+10FFFF.
        var second: ClosedRange<UInt8> = 0x80...0xBF
        switch lead {
        case 0xC2...0xDF: length = 2
        case 0xE0...0xEF:
            length = 3
            if lead == 0xE0 { second = 0xA0...0xBF }
            if lead == 0xED { second = 0x80...0x9F }
        case 0xF0...0xF4:
            length = 4
            if lead == 0xF0 { second = 0x90...0xBF }
            if lead == 0xF4 { second = 0x80...0x8F }
        default: return nil
        }
        guard length <= bytes.count - offset, second.contains(bytes[offset + 1]) else { return nil }
        var scalar = (UInt32(lead) & 0x7F >> UInt32(length)) << 6 | UInt32(bytes[offset + 1] & 0x3F)
        for index in 2..<length {
            let next = bytes[offset + index]
            guard next & 0xC0 == 0x80 else { return nil }
            scalar = scalar << 6 | UInt32(next & 0x3F)
        }
        return (scalar, length)
    }
}
