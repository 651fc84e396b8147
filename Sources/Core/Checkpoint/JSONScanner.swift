/// A scanner for the subset of JSON in safetensors headers and metrics files, working directly on
/// the file's bytes.
///
/// A header may come from an untrusted source. A general decoder would build a tree many times the
/// size of its input, recurse as deep as the input, and accept repeated keys.
package struct JSONScanner {
    /// A syntax error or a violated limit.
    package struct Problem: Error {
        let text: String

        package init(text: String) { self.text = text }
    }

    private let bytes: UnsafeRawBufferPointer
    private(set) var position = 0

    /// Starts at the first byte.
    package init(_ bytes: UnsafeRawBufferPointer) {
        self.bytes = bytes
    }

    /// Skips white space and returns whether the end is reached.
    package mutating func isAtEnd() -> Bool {
        while position < bytes.count {
            switch bytes[position] {
            case 0x20, 0x09, 0x0A, 0x0D: position += 1
            default: return false
            }
        }
        return true
    }

    /// Skips white space and consumes the character if it comes next.
    package mutating func take(_ character: Unicode.Scalar) -> Bool {
        guard !isAtEnd(), bytes[position] == UInt8(ascii: character) else { return false }
        position += 1
        return true
    }

    /// Skips white space and consumes the character; throws if another one comes next.
    package mutating func expect(_ character: Unicode.Scalar) throws {
        guard take(character) else { throw Problem(text: "'\(character)' expected at byte \(position) of the header") }
    }

    /// Reads `OPEN element, element, … CLOSE`; each call of `element` reads one element.
    package mutating func sequence(
        _ open: Unicode.Scalar, _ close: Unicode.Scalar, element: (inout JSONScanner) throws -> Void
    ) throws {
        try expect(open)
        if take(close) { return }
        repeat { try element(&self) } while take(",")
        try expect(close)
    }

    /// Reads a non-negative integer.
    mutating func count() throws -> Int {
        _ = isAtEnd()
        let start = position
        var value = 0
        while position < bytes.count, case 0x30...0x39 = bytes[position] {
            let (tens, overflowed) = value.multipliedReportingOverflow(by: 10)
            let (sum, carried) = tens.addingReportingOverflow(Int(bytes[position] - 0x30))
            guard !overflowed, !carried else {
                throw Problem(text: "a number too large at byte \(start) of the header")
            }
            value = sum
            position += 1
        }
        guard position > start, bytes[start] != 0x30 || position == start + 1 else {
            throw Problem(text: "a non-negative integer expected at byte \(start) of the header")
        }
        return value
    }

    /// Reads a list of numbers.
    mutating func numbers(atMost limit: Int) throws -> [Double] {
        var values: [Double] = []
        // A number and its comma take at least two bytes. Growing by doubling would take several
        // times the text's size.
        values.reserveCapacity(max(0, min(limit, (bytes.count - position) / 2)))
        try sequence("[", "]") { scanner in
            guard values.count < limit else { throw Problem(text: "a list of more than \(limit) numbers") }
            values.append(try scanner.number())
        }
        return values
    }

    /// Reads a number; one that is too large for a double becomes infinite.
    package mutating func number() throws -> Double {
        _ = isAtEnd()
        let start = position
        // A double in its shortest form has at most 24 characters.
        while position < bytes.count, position - start < 32 {
            switch bytes[position] {
            case 0x30...0x39, UInt8(ascii: "-"), UInt8(ascii: "+"), UInt8(ascii: "."), UInt8(ascii: "e"),
                UInt8(ascii: "E"):
                position += 1
                continue
            default: break
            }
            break
        }
        guard let value = Double(String(decoding: bytes[start..<position], as: UTF8.self)) else {
            throw Problem(text: "a number expected at byte \(start) of the header")
        }
        return value
    }

    /// Skips any value, nested at most `depth` levels deep.
    package mutating func skipValue(depth: Int = 4) throws {
        guard depth > 0 else { throw Problem(text: "values nested too deeply at byte \(position)") }
        guard !isAtEnd() else { throw Problem(text: "a value expected at the end") }
        switch bytes[position] {
        case UInt8(ascii: "\""): _ = try string()
        case UInt8(ascii: "["): try sequence("[", "]") { try $0.skipValue(depth: depth - 1) }
        case UInt8(ascii: "{"):
            try sequence("{", "}") { scanner in
                _ = try scanner.string()
                try scanner.expect(":")
                try scanner.skipValue(depth: depth - 1)
            }
        case UInt8(ascii: "t"), UInt8(ascii: "f"), UInt8(ascii: "n"):
            guard ["true", "false", "null"].contains(where: { takeWord($0) }) else {
                throw Problem(text: "a value expected at byte \(position)")
            }
        default: _ = try number()
        }
    }

    private mutating func takeWord(_ word: StaticString) -> Bool {
        let end = position + word.utf8CodeUnitCount
        guard end <= bytes.count else { return false }
        for (index, place) in (position..<end).enumerated() where bytes[place] != word.utf8Start[index] { return false }
        position = end
        return true
    }

    /// Reads a string.
    package mutating func string() throws -> String {
        try stringAndRange().0
    }

    /// Reads a string; also returns the range of its raw characters between the quotes.
    mutating func stringAndRange() throws -> (String, Range<Int>) {
        try expect("\"")
        let start = position
        var unescaped: [UInt8]?
        while position < bytes.count {
            let byte = bytes[position]
            switch byte {
            case UInt8(ascii: "\""):
                let range = start..<position
                let content = unescaped.map { String(validating: $0, as: UTF8.self) }
                guard let text = content ?? String(validating: bytes[range], as: UTF8.self) else {
                    throw Problem(text: "text that is not UTF-8 at byte \(start) of the header")
                }
                position += 1
                return (text, range)
            case UInt8(ascii: "\\"):
                if unescaped == nil { unescaped = Array(bytes[start..<position]) }
                position += 1
                unescaped?.append(contentsOf: String(try escaped()).utf8)
            case ..<0x20:
                throw Problem(text: "a raw control character at byte \(position) of the header")
            default:
                unescaped?.append(byte)
                position += 1
            }
        }
        throw Problem(text: "an unterminated string at byte \(start) of the header")
    }

    private mutating func escaped() throws -> Unicode.Scalar {
        guard position < bytes.count else { throw Problem(text: "an unterminated string in the header") }
        let letter = bytes[position]
        position += 1
        switch letter {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): return Unicode.Scalar(letter)
        case UInt8(ascii: "b"): return "\u{8}"
        case UInt8(ascii: "f"): return "\u{C}"
        case UInt8(ascii: "n"): return "\n"
        case UInt8(ascii: "r"): return "\r"
        case UInt8(ascii: "t"): return "\t"
        case UInt8(ascii: "u"): return try escapedScalar()
        default: throw Problem(text: "an unknown escape at byte \(position - 1) of the header")
        }
    }

    /// Reads the part after `\u`: four digits, or two surrogates of four digits each.
    private mutating func escapedScalar() throws -> Unicode.Scalar {
        let first = try fourDigits()
        if let scalar = Unicode.Scalar(first) { return scalar }
        guard first < 0xDC00, position + 2 <= bytes.count, bytes[position] == UInt8(ascii: "\\"),
            bytes[position + 1] == UInt8(ascii: "u")
        else { throw Problem(text: "half a surrogate pair at byte \(position) of the header") }
        position += 2
        let second = try fourDigits()
        guard case 0xDC00...0xDFFF = second,
            let scalar = Unicode.Scalar(0x10000 + (first - 0xD800) * 0x400 + (second - 0xDC00))
        else { throw Problem(text: "half a surrogate pair at byte \(position) of the header") }
        return scalar
    }

    private mutating func fourDigits() throws -> UInt32 {
        let end = position + 4
        var value: UInt32 = 0
        while position < end {
            guard position < bytes.count, let digit = Character(Unicode.Scalar(bytes[position])).hexDigitValue else {
                throw Problem(text: "four hexadecimal digits expected at byte \(position) of the header")
            }
            value = value * 16 + UInt32(digit)
            position += 1
        }
        return value
    }
}
