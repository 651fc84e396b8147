/// A file format recognized by its first bytes, among those that are often passed to dtrain by
/// mistake.
package struct FileFormat: Hashable, Sendable {
    /// The way to get the text of such a file.
    package enum Remedy: Hashable, Sendable {
        /// A command that decompresses a file with this suffix beside it, and one that filters
        /// standard input.
        case decompress(command: String, suffix: String, filter: String)
        /// A command that writes a file's text to standard output; `after` follows the file's name.
        case extract(command: String, after: String)
        /// Text; `FILE` stands for the file's name.
        case advice(String)
    }

    /// The format in words that follow "is": "gzip-compressed", "a zip archive".
    package let name: String
    /// The way to get the text.
    package let remedy: Remedy

    /// The number of a file's first bytes that `recognize` checks.
    package static let prefixCount = 512

    private struct Signature {
        let format: FileFormat
        let bytes: [UInt8]
        var offset = 0
    }

    private static let saveAsText = Remedy.advice("open it, save it as plain text (UTF-8), and pass that file")
    private static let nameAText = Remedy.advice("name a text file")

    private static let signatures: [Signature] = [
        Signature(
            format: FileFormat(
                name: "gzip-compressed",
                remedy: .decompress(command: "gunzip -k", suffix: ".gz", filter: "gunzip -c")),
            bytes: [0x1F, 0x8B]),
        Signature(
            format: FileFormat(
                name: "bzip2-compressed",
                remedy: .decompress(command: "bunzip2 -k", suffix: ".bz2", filter: "bunzip2 -c")),
            bytes: Array("1AY&SY".utf8), offset: 4),
        Signature(
            format: FileFormat(
                name: "xz-compressed", remedy: .decompress(command: "unxz -k", suffix: ".xz", filter: "xz -dc")),
            bytes: [0xFD, 0x37, 0x7A, 0x58, 0x5A, 0x00]),
        Signature(
            format: FileFormat(
                name: "zstd-compressed", remedy: .decompress(command: "unzstd", suffix: ".zst", filter: "zstd -dc")),
            bytes: [0x28, 0xB5, 0x2F, 0xFD]),
        Signature(
            format: FileFormat(
                name: "LZ4-compressed", remedy: .decompress(command: "unlz4 -k", suffix: ".lz4", filter: "lz4 -dc")),
            bytes: [0x04, 0x22, 0x4D, 0x18]),
        Signature(
            format: FileFormat(
                name: "a tar archive",
                remedy: .advice("unpack it with 'tar -xf FILE' and name its texts or their folder")),
            bytes: Array("ustar".utf8), offset: 257),
        Signature(
            format: FileFormat(
                name: "a 7z archive", remedy: .advice("unpack it with '7z x FILE' and name its texts or their folder")),
            bytes: [0x37, 0x7A, 0xBC, 0xAF, 0x27, 0x1C]),
        Signature(
            format: FileFormat(name: "a PDF document", remedy: .extract(command: "pdftotext", after: " -")),
            bytes: Array("%PDF-".utf8)),
        Signature(
            format: FileFormat(name: "an RTF document", remedy: saveAsText), bytes: Array("{\\rtf".utf8)),
        Signature(
            format: FileFormat(name: "an office document", remedy: saveAsText), bytes: [0xD0, 0xCF, 0x11, 0xE0]),
        Signature(format: FileFormat(name: "an image", remedy: nameAText), bytes: [0x89, 0x50, 0x4E, 0x47]),
        Signature(format: FileFormat(name: "an image", remedy: nameAText), bytes: [0xFF, 0xD8, 0xFF]),
        Signature(format: FileFormat(name: "a program", remedy: nameAText), bytes: [0x7F, 0x45, 0x4C, 0x46]),
        Signature(
            format: FileFormat(name: "an HDF5 file", remedy: nameAText), bytes: [0x89, 0x48, 0x44, 0x46, 0x0D]),
        Signature(format: FileFormat(name: "a NumPy array", remedy: nameAText), bytes: [0x93] + Array("NUMPY".utf8)),
        Signature(
            format: FileFormat(
                name: "a Parquet table", remedy: .advice("export its text column to a file and pass that")),
            bytes: Array("PAR1".utf8)),
        Signature(
            format: FileFormat(
                name: "an SQLite database", remedy: .advice("export its text to a file and pass that")),
            bytes: Array("SQLite format 3\0".utf8)),
        Signature(
            format: FileFormat(
                name: "a Git LFS pointer instead of the file itself",
                remedy: .advice("run 'git lfs pull' in its repository")),
            bytes: Array("version https://git-lfs.github.com/spec/".utf8)),
    ]

    /// Returns the format of a file that starts with these bytes; nil for text and unknown formats.
    package static func recognize(_ prefix: [UInt8]) -> FileFormat? {
        if prefix.starts(with: [0x50, 0x4B, 0x03, 0x04]) { return zip(prefix) }
        if isSafetensors(prefix) { return FileFormat(name: "a safetensors file", remedy: nameAText) }
        return signatures.first { prefix.dropFirst($0.offset).starts(with: $0.bytes) }?.format
    }

    private static func zip(_ prefix: [UInt8]) -> FileFormat {
        // An entry's name starts at byte 30.
        let first = prefix.dropFirst(30)
        let isDocument = ["[Content_Types].xml", "_rels/", "mimetype"].contains { first.starts(with: $0.utf8) }
        return isDocument
            ? FileFormat(name: "an office document or an e-book", remedy: saveAsText)
            : FileFormat(name: "a zip archive", remedy: .extract(command: "unzip -p", after: ""))
    }

    /// A safetensors file starts with the header's length in 8 bytes, then the header in JSON.
    private static func isSafetensors(_ prefix: [UInt8]) -> Bool {
        prefix.count > 10 && prefix[4..<8].allSatisfy { $0 == 0 } && prefix[8..<10].elementsEqual("{\"".utf8)
    }
}
