extension Reader {
    /// Returns a file with changed bytes or structure; most tensor files get valid checksums again.
    func mutate(_ sample: [UInt8], among samples: [[UInt8]], _ random: inout SplitMix64) -> [UInt8] {
        guard [.checkpoint, .weights, .pytorch, .keras].contains(self), var (header, data) = Sealing.parts(sample)
        else {
            return Mutation.several(sample, among: samples, &random)
        }
        if Int.random(in: 0..<8, using: &random) == 0 { return Mutation.several(sample, among: samples, &random) }
        header = Mutation.several(header, among: samples.compactMap { Sealing.parts($0)?.header }, &random)
        switch Int.random(in: 0..<10, using: &random) {
        case 0: data = Mutation.bytes(data, &random)
        case 1: data.append(contentsOf: repeatElement(0, count: Int.random(in: 1...64, using: &random)))
        default: break
        }
        guard Int.random(in: 0..<10, using: &random) > 0 else { return Sealing.file(header: header, data: data) }
        var file = Sealing.sealed(header: header, data: data)
        if Int.random(in: 0..<16, using: &random) == 0 {
            let counts: [UInt64] = [
                0, 1, .max, .max >> 1, 1 << 32, 100_000_000, UInt64(file.count), UInt64(header.count + 8),
            ]
            let count = counts.randomElement(using: &random) ?? 0
            file.replaceSubrange(..<8, with: withUnsafeBytes(of: count.littleEndian) { Array($0) })
        }
        return file
    }
}

/// Changes to bytes that are mostly JSON.
enum Mutation {
    /// Numbers that may overflow, and texts that resemble numbers.
    private static let numbers = [
        "0", "1", "-1", "-0", "00", "+1", "1.5", "1e3", "1e999", "-1e999", "1e", ".", "2147483647", "2147483648",
        "4294967296", "4611686018427387904", "9223372036854775807", "9223372036854775808", "18446744073709551616",
        "99999999999999999999999999", "NaN", "Infinity", "null", "true", "\"1\"", "[]", "{}", "0x10", "1048577",
    ]
    /// Pieces of text that a decoder may mishandle.
    private static let pieces: [[UInt8]] = malformed + texts.map { Array($0.utf8) }
    private static let malformed: [[UInt8]] = [
        [0xC3], [0xE2, 0x82], [0xF0, 0x9F, 0x98], [0xED, 0xA0, 0x80], [0xFF], [0xC0, 0x80], [0xF4, 0x90, 0x80, 0x80],
        [0],
    ]
    private static let texts = [
        "\\u0000", "\\ud800", "\\ud83d\\ude00", "\\udc00", "\\q", "\\u12", "\\", "\"", "\\\"", "{", "}", "[", "]", ",",
        ":", "\n", "\r\n", "../../etc/passwd", "\u{202E}", "\u{2028}", "[UNK]", "__metadata__", "adam.m.", "gru_1.",
    ]

    /// Returns the bytes with one to four changes.
    static func several(_ bytes: [UInt8], among others: [[UInt8]], _ random: inout SplitMix64) -> [UInt8] {
        var result = bytes
        for _ in 0..<Int.random(in: 1...4, using: &random) { result = once(result, others, &random) }
        return result
    }

    private static func once(_ bytes: [UInt8], _ others: [[UInt8]], _ random: inout SplitMix64) -> [UInt8] {
        switch Int.random(in: 0..<9, using: &random) {
        case 0, 1: return number(bytes, &random)
        case 2: return repeated(bytes, &random)
        case 3: return nested(bytes, &random)
        case 4: return inserted(pieces.randomElement(using: &random) ?? [], in: bytes, &random)
        case 5: return swapped(bytes, &random)
        case 6: return spliced(bytes, others, &random)
        case 7: return Array(bytes.prefix(Int.random(in: 0...bytes.count, using: &random)))
        default: return self.bytes(bytes, &random)
        }
    }

    /// Changes, drops or duplicates some bytes.
    static func bytes(_ bytes: [UInt8], _ random: inout SplitMix64) -> [UInt8] {
        guard !bytes.isEmpty else { return [UInt8.random(in: 0...255, using: &random)] }
        var result = bytes
        let start = Int.random(in: result.indices, using: &random)
        let end = min(result.count, start + Int.random(in: 1...16, using: &random))
        switch Int.random(in: 0..<4, using: &random) {
        case 0: result[start] ^= 1 << UInt8.random(in: 0..<8, using: &random)
        case 1: result.removeSubrange(start..<end)
        case 2: result.insert(contentsOf: result[start..<end], at: start)
        default: result[start] = .random(in: 0...255, using: &random)
        }
        return result
    }

    /// Replaces a run of digits: a length, an offset, a shape, a version, or a step.
    private static func number(_ bytes: [UInt8], _ random: inout SplitMix64) -> [UInt8] {
        let isDigit = { (byte: UInt8) in (0x30...0x39).contains(byte) }
        let starts = bytes.indices.filter { isDigit(bytes[$0]) && ($0 == 0 || !isDigit(bytes[$0 - 1])) }
        guard let start = starts.randomElement(using: &random) else { return self.bytes(bytes, &random) }
        let end = bytes[start...].firstIndex { !isDigit($0) } ?? bytes.count
        var text = numbers.randomElement(using: &random) ?? "0"
        if Bool.random(using: &random), let value = Int(String(decoding: bytes[start..<end], as: UTF8.self)) {
            text = "\(value &+ Int.random(in: -4...4, using: &random))"
        }
        var result = bytes
        result.replaceSubrange(start..<end, with: text.utf8)
        return result
    }

    /// Inserts a copy of members or elements between two commas at another comma.
    private static func repeated(_ bytes: [UInt8], _ random: inout SplitMix64) -> [UInt8] {
        let commas = bytes.indices.filter { bytes[$0] == 0x2C || bytes[$0] == 0x0A }
        guard commas.count > 2, let from = commas.indices.dropLast().randomElement(using: &random),
            let to = commas.randomElement(using: &random)
        else { return self.bytes(bytes, &random) }
        let last = min(commas.count - 1, from + Int.random(in: 1...3, using: &random))
        var result = bytes
        result.insert(contentsOf: bytes[commas[from]..<commas[last]], at: to)
        return result
    }

    /// Inserts deeply nested opening brackets.
    private static func nested(_ bytes: [UInt8], _ random: inout SplitMix64) -> [UInt8] {
        let depth = [1, 10, 600, 5_000].randomElement(using: &random) ?? 1
        let opening = ["[", "{\"a\":", "{\\\"a\\\":", "[["].randomElement(using: &random) ?? "["
        return inserted(Array(String(repeating: opening, count: depth).utf8), in: bytes, &random)
    }

    private static func inserted(_ piece: [UInt8], in bytes: [UInt8], _ random: inout SplitMix64) -> [UInt8] {
        var result = bytes
        result.insert(contentsOf: piece, at: Int.random(in: 0...bytes.count, using: &random))
        return result
    }

    /// Swaps two strings: names of tensors, keys, or values.
    private static func swapped(_ bytes: [UInt8], _ random: inout SplitMix64) -> [UInt8] {
        let quotes = bytes.indices.filter { bytes[$0] == 0x22 }
        guard quotes.count >= 4 else { return self.bytes(bytes, &random) }
        let first = Int.random(in: 0..<quotes.count / 2 - 1, using: &random)
        let second = Int.random(in: first + 1..<quotes.count / 2, using: &random)
        let (a, b) = (quotes[2 * first]...quotes[2 * first + 1], quotes[2 * second]...quotes[2 * second + 1])
        var result = bytes
        result.replaceSubrange(b, with: bytes[a])
        result.replaceSubrange(a, with: bytes[b])
        return result
    }

    /// Joins the start of one file and the end of another.
    private static func spliced(_ bytes: [UInt8], _ others: [[UInt8]], _ random: inout SplitMix64) -> [UInt8] {
        let other = others.randomElement(using: &random) ?? []
        let head = Array(bytes.prefix(Int.random(in: 0...bytes.count, using: &random)))
        return head + Array(other.suffix(Int.random(in: 0...other.count, using: &random)))
    }
}
