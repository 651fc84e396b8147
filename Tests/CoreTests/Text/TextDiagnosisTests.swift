import DistributedTesting
import Foundation
import Testing

@testable import DTrainCore

/// The error for a file that isn't text, and its suggested command.
@Suite struct TextDiagnosisTests {
    struct Sample: Sendable, CustomTestStringConvertible {
        let name: String
        let bytes: [UInt8]
        /// An expected part of the message or of the warning.
        let message: String
        /// An expected part of the hint or of the warning.
        let hint: String
        var testDescription: String { name }
    }

    private static let plain = String(repeating: "First Citizen:\nBefore we proceed any further\n", count: 200)
    private static let accents = String(repeating: "Où est passé l'été ? Là-bas, naïvement.\n", count: 200)
    private static let russian = String(repeating: "съешь ещё этих мягких французских булок\n", count: 50)

    private static func encode(_ text: String, _ unit: (UInt16) -> [UInt8]) -> [UInt8] { text.utf16.flatMap(unit) }
    private static func little(_ unit: UInt16) -> [UInt8] { [UInt8(unit & 0xFF), UInt8(unit >> 8)] }
    private static func big(_ unit: UInt16) -> [UInt8] { [UInt8(unit >> 8), UInt8(unit & 0xFF)] }
    private static func wide(_ text: String) -> [UInt8] {
        text.unicodeScalars.flatMap { [UInt8($0.value & 0xFF), UInt8($0.value >> 8 & 0xFF), 0, 0] }
    }
    private static func latin1(_ text: String) -> [UInt8] {
        text.unicodeScalars.map { UInt8(truncatingIfNeeded: $0.value) }
    }

    static let illFormed: [Sample] = [
        Sample(
            name: "gzip", bytes: [0x1F, 0x8B, 8, 0, 1, 2], message: "is gzip-compressed, not text",
            hint: "gunzip -c < "),
        Sample(
            name: "bzip2", bytes: Array("BZh91AY&SY".utf8) + [0xFF], message: "bzip2-compressed",
            hint: "bunzip2 -c < "),
        Sample(
            name: "xz", bytes: [0xFD, 0x37, 0x7A, 0x58, 0x5A, 0, 0], message: "xz-compressed", hint: "xz -dc < "),
        Sample(name: "zstd", bytes: [0x28, 0xB5, 0x2F, 0xFD, 4], message: "zstd-compressed", hint: "zstd -dc < "),
        Sample(
            name: "zip",
            bytes: Array("PK\u{3}\u{4}".utf8) + [UInt8](repeating: 0, count: 26) + Array("a.txt".utf8) + [0xFF],
            message: "is a zip archive", hint: "unzip -p "),
        Sample(
            name: "UTF-16 with a mark", bytes: [0xFF, 0xFE] + encode(accents, little), message: "is UTF-16, not UTF-8",
            hint: "iconv -f UTF-16 -t UTF-8 < "),
        Sample(
            name: "UTF-16, big, with a mark", bytes: [0xFE, 0xFF] + encode(plain, big), message: "is UTF-16",
            hint: "iconv -f UTF-16 -t"),
        Sample(name: "UTF-16", bytes: encode(accents, little), message: "is UTF-16LE", hint: "iconv -f UTF-16LE -t"),
        Sample(name: "UTF-16, big", bytes: encode(accents, big), message: "is UTF-16BE", hint: "iconv -f UTF-16BE -t"),
        Sample(name: "UTF-32", bytes: wide(accents), message: "is UTF-32LE", hint: "iconv -f UTF-32LE -t"),
        Sample(
            name: "Latin-1", bytes: latin1(accents), message: "seems to be WINDOWS-1252",
            hint: "iconv -f WINDOWS-1252 -t UTF-8 < "),
        Sample(
            name: "Latin-1 with a control", bytes: latin1(accents) + [0x81, 0x0A], message: "seems to be ISO-8859-1",
            hint: "iconv -f ISO-8859-1 -t"),
        Sample(
            name: "KOI8-R", bytes: Array(repeating: [0xF3, 0xDF, 0xC5, 0xDB, 0xD8, 0x20], count: 50).flatMap { $0 },
            message: "is in another encoding", hint: "iconv -f ENCODING -t UTF-8 < "),
        Sample(
            name: "damaged", bytes: Array(accents.utf8) + [0xFF] + Array(accents.utf8), message: "though most of it is",
            hint: "iconv -c -f UTF-8 -t UTF-8 < "),
        Sample(
            name: "cut at the end", bytes: Array("\(plain)€".utf8.dropLast()),
            message: "ends in the middle of a character",
            hint: "head -c \(plain.utf8.count) < "),
        Sample(
            name: "cut at the start", bytes: Array("€\(plain)".utf8.dropFirst()),
            message: "begins in the middle of a character", hint: "tail -c +3 < "),
        Sample(
            name: "binary at the end", bytes: Array(plain.utf8) + Array(0...255),
            message: "binary data from offset \(plain.utf8.count) (line 401) on",
            hint: "head -c \(plain.utf8.count) < "),
        Sample(name: "binary", bytes: Array(0...255), message: "and it is binary data", hint: "name a text file"),
        Sample(
            name: "image", bytes: [0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A], message: "is an image, not text",
            hint: "name a text file"),
    ]

    @Test(arguments: illFormed)
    func errorsNameTheFormatAndTheFix(sample: Sample) throws {
        let file = try TemporaryText(sample.bytes)
        let error = try #require(#expect(throws: DTrainError.self) { try Corpus(path: file.path) })
        #expect(error.category == .badData)
        #expect(error.message.contains("'\(file.path)' is"), "\(error)")
        #expect(error.message.contains(sample.message), "\(error)")
        #expect(error.hint?.contains(sample.hint) == true, "\(error)")
        #expect(!error.description.contains("\n"))
    }

    static let wellFormed: [Sample] = [
        Sample(
            name: "zeros", bytes: Array((plain + "\0" + plain).utf8), message: "is probably not text", hint: "tr -d "),
        Sample(
            name: "control characters", bytes: Array("\(plain)\u{1}\u{2}\u{3}\u{4}".utf8),
            message: "first at offset \(plain.utf8.count) (line 401)", hint: "tr -d "),
        Sample(
            name: "ASCII in UTF-16", bytes: encode(plain, little), message: "seems to be UTF-16LE",
            hint: "iconv -f UTF-16LE -t UTF-8 < "),
        Sample(
            name: "Russian in UTF-16", bytes: encode(russian, big), message: "seems to be UTF-16BE",
            hint: "iconv -f UTF-16BE"),
        Sample(name: "PDF", bytes: Array("%PDF-1.4\n\(plain)".utf8), message: "is a PDF document", hint: "pdftotext "),
        Sample(
            name: "LFS pointer", bytes: Array("version https://git-lfs.github.com/spec/v1\noid sha256:0\n".utf8),
            message: "is a Git LFS pointer", hint: "git lfs pull"),
        Sample(
            name: "one letter", bytes: Array("aaaaaaaaaaaa".utf8), message: "one repeated character",
            hint: "nothing to learn"),
    ]

    @Test(arguments: wellFormed)
    func unlikelyTextsGiveAWarning(sample: Sample) throws {
        let file = try TemporaryText(sample.bytes)
        let warning = try #require(try Corpus(path: file.path).warning)
        #expect(
            warning.contains("'\(file.path)'") && warning.contains(sample.message) && warning.contains(sample.hint),
            "\(warning)")
    }

    @Test(arguments: [
        plain, accents, russian, "<!DOCTYPE html>\n<html><body>\(plain)</body></html>", "\u{FEFF}a\r\nb\u{C}\n\u{1A}",
        "\u{1B}[31mred\u{1B}[0m\n", "日本語の文章です。\n",
    ])
    func ordinaryTextsGiveNoWarning(text: String) throws {
        let file = try TemporaryText(text)
        #expect(try Corpus(path: file.path).warning == nil)
    }

    /// The suggested command writes to a file that doesn't exist yet, so it overwrites none.
    @Test func suggestedCommandsOverwriteNoFile() throws {
        let folder = try ScratchFolder()
        let path = folder.file("a text.txt.gz")
        try Data([0x1F, 0x8B, 8, 0]).write(to: URL(fileURLWithPath: path))
        func hint() -> String? { #expect(throws: DTrainError.self) { try Corpus(path: path) }?.hint }
        let plain = folder.file("a text.txt")
        #expect(hint() == "run this, then name \(plain): gunzip -k '\(path)'")
        try Data().write(to: URL(fileURLWithPath: plain))
        let other = folder.file("a text.plain.txt")
        #expect(hint() == "run this, then name \(other): gunzip -c < '\(path)' > '\(other)'")
        try Data().write(to: URL(fileURLWithPath: other))
        #expect(hint() == "run this, then name \(other)-2: gunzip -c < '\(path)' > '\(other)-2'")
    }
}
