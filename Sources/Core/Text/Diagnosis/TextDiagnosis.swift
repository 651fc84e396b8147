/// A diagnosis of a file that should be text but is not UTF-8.
///
/// It is based on the first bytes of the file and on the bytes around the first ill-formed one.
struct TextDiagnosis {
    private let text: JoinedText
    private let file: JoinedText.File
    /// The offset in the text of the first ill-formed byte.
    private let offset: Int
    private let remedy: TextRemedy

    /// The number of bytes to examine on each side of the ill-formed byte.
    private static let window = 32 << 10
    /// The number of control characters near an ill-formed byte that mark binary data rather than
    /// another text encoding.
    private static let controlsOfBinary = 4

    /// The error for a text with an ill-formed sequence.
    static func error(_ problem: IllFormedText, in text: JoinedText) -> DTrainError {
        guard let file = text.file(at: problem.offset) else {
            return DTrainError(.badData, "'\(text.name)' is not UTF-8; convert it")
        }
        return TextDiagnosis(text: text, file: file, offset: problem.offset, remedy: TextRemedy(file: file)).error
    }

    private var error: DTrainError {
        let start = file.range.lowerBound
        if let format = FileFormat.recognize(
            text.bytes(start..<min(start + FileFormat.prefixCount, file.range.upperBound)))
        {
            return DTrainError(.badData, "'\(file.path)' is \(format.name), not text", hint: remedy.apply(format))
        }
        let sample = text.bytes(start..<min(start + WideEncoding.sampleCount, file.range.upperBound))
        if let name = WideEncoding.name(of: sample) {
            return DTrainError(.badData, "'\(file.path)' is \(name), not UTF-8", hint: convert(from: name))
        }
        return truncatedCharacter ?? binary ?? otherEncoding
    }

    /// "'text.txt' is not UTF-8: byte 0xe9 at offset 5 (line 1)".
    private var location: String {
        let byte = String(text.bytes(offset..<offset + 1).first ?? 0, radix: 16)
        return "'\(file.path)' is not UTF-8: byte 0x\(byte) at \(position(offset))"
    }

    private func position(_ offset: Int) -> String {
        "offset \(offset - file.range.lowerBound) (line \(text.line(of: offset, in: file)))"
    }

    private func convert(from encoding: String) -> String {
        remedy.filter("iconv -f \(encoding) -t UTF-8", label: "utf8")
    }

    /// The error for a file that ends or starts inside a UTF-8 character; nil for any other file.
    private var truncatedCharacter: DTrainError? {
        let end = text.bytes(offset..<min(offset + 4, file.range.upperBound))
        if let lead = end.first, offset + end.count == file.range.upperBound, StrictUTF8.length(lead: lead) > end.count,
            end.dropFirst().allSatisfy({ $0 & 0xC0 == 0x80 })
        {
            return DTrainError(
                .badData, "\(location), where it ends in the middle of a character",
                hint: remedy.filter("head -c \(offset - file.range.lowerBound)", label: "whole"))
        }
        let first = file.range.lowerBound
        let start = text.bytes(first..<min(first + Self.window, file.range.upperBound))
        let count = start.prefix { $0 & 0xC0 == 0x80 }.count
        guard offset == first, (1...3).contains(count), UTF8Count(start.dropFirst(count)).isWhole else { return nil }
        return DTrainError(
            .badData, "\(location), where it begins in the middle of a character",
            hint: remedy.filter("tail -c +\(count + 1)", label: "whole"))
    }

    /// The error for a file with control characters around the ill-formed byte; nil for any other
    /// file.
    private var binary: DTrainError? {
        let before = text.bytes(max(file.range.lowerBound, offset - 4096)..<offset)
        let around = before.suffix(512) + text.bytes(offset..<min(offset + 4096, file.range.upperBound))
        guard around.count(where: ControlCharacters.isUnusual) >= Self.controlsOfBinary else { return nil }
        // Valid UTF-8 before the ill-formed byte is binary too, from its first control character.
        let start = offset - before.count + (before.firstIndex(where: ControlCharacters.isUnusual) ?? before.count)
        guard start - file.range.lowerBound >= 4096 else {
            return DTrainError(.badData, "\(location), and it is binary data", hint: "name a text file")
        }
        return DTrainError(
            .badData, "'\(file.path)' is not UTF-8: it is binary data from \(position(start)) on",
            hint: remedy.filter("head -c \(start - file.range.lowerBound)", label: "whole"))
    }

    /// The error for UTF-8 with some wrong bytes, for a single-byte encoding, or for any other
    /// encoding.
    private var otherEncoding: DTrainError {
        let from = max(file.range.lowerBound, offset - Self.window)
        let sample = text.bytes(from..<min(offset + Self.window, file.range.upperBound))
        let found = UTF8Count(sample.drop { $0 & 0xC0 == 0x80 && from > file.range.lowerBound })
        if found.long > found.illFormed {
            return DTrainError(
                .badData, "\(location), though most of it is",
                hint: "to drop the invalid bytes, " + remedy.filter("iconv -c -f UTF-8 -t UTF-8", label: "utf8"))
        }
        guard Self.isWestern(sample) else {
            return DTrainError(
                .badData, "\(location); it is in another encoding, such as GB18030, Shift_JIS or KOI8-R",
                hint: "find out which one, replace ENCODING with its name, and "
                    + remedy.filter("iconv -f ENCODING -t UTF-8", label: "utf8"))
        }
        let name = isWindows1252 ? "WINDOWS-1252" : "ISO-8859-1"
        return DTrainError(
            .badData, "\(location); it seems to be \(name), an encoding of Western languages", hint: convert(from: name)
        )
    }

    /// Whether non-ASCII bytes are no more frequent than ASCII letters and mostly stand alone, as
    /// accented letters do.
    private static func isWestern(_ sample: [UInt8]) -> Bool {
        let letters = sample.count { (0x41...0x5A).contains($0) || (0x61...0x7A).contains($0) }
        let others = sample.indices.filter { sample[$0] >= 0x80 }
        let single = others.count { index in
            (index == 0 || sample[index - 1] < 0x80) && (index + 1 == sample.count || sample[index + 1] < 0x80)
        }
        return letters >= others.count && 2 * single >= others.count
    }

    /// Whether the file has none of the bytes that Windows-1252 leaves undefined, where `iconv`
    /// would stop.
    private var isWindows1252: Bool {
        var result = true
        text.forEachPiece(of: file.range) { piece in
            result = piece.allSatisfy { ![0x81, 0x8D, 0x8F, 0x90, 0x9D].contains($0) }
            return result
        }
        return result
    }
}

/// Counts of valid multi-byte characters and ill-formed bytes; a character cut off at the end is
/// not counted.
private struct UTF8Count {
    /// The number of characters of more than one byte.
    private(set) var long = 0
    /// The number of bytes that belong to no character.
    private(set) var illFormed = 0

    init(_ bytes: ArraySlice<UInt8>) {
        Array(bytes).withUnsafeBytes { bytes in
            var offset = 0
            while offset < bytes.count {
                guard let (_, length) = StrictUTF8.decode(bytes, at: offset) else {
                    if offset + StrictUTF8.length(lead: bytes[offset]) <= bytes.count { illFormed += 1 }
                    offset += 1
                    continue
                }
                if length > 1 { long += 1 }
                offset += length
            }
        }
    }

    /// Whether all bytes are well-formed.
    var isWhole: Bool { illFormed == 0 }
}
