/// Recognition of files that aren't safetensors, by their first bytes.
package enum ForeignFormat {
    /// A description and a remedy, phrased to follow the file's name; nil if the format is unknown.
    ///
    /// - Parameters:
    ///   - bytes: the whole file.
    ///   - path: the file, for use in commands.
    package static func describe(_ bytes: UnsafeRawBufferPointer, path: String) -> String? {
        guard !bytes.isEmpty else { return "is empty; repeat the copy or download that made it" }
        let head = Array(bytes.prefix(headCount))
        guard !isHeader(head) else { return nil }
        if let kind = starts.first(where: { head.starts(with: $0.bytes) }) {
            return kind.text
        }
        if head.starts(with: zip) { return describeZip(head, path) }
        if isPickle(head) {
            return "is a Python pickle, as older versions of PyTorch write them; \(convert)"
        }
        if head.count >= 262, head[257..<262].elementsEqual("ustar".utf8) {
            return "is a tar archive; unpack it with 'tar -xf \(path.shellWord)' and pass a file from it"
        }
        if let known = FileFormat.recognize(head) { return describe(known, path) }
        return describeText(head)
    }

    private static let headCount = 1024
    private static let convert =
        "save the weights as safetensors with Python's safetensors library, as docs/python.md shows"
    private static let zip: [UInt8] = [0x50, 0x4B, 0x03, 0x04]

    /// Signatures that identify a format on their own.
    private static let starts: [(bytes: [UInt8], text: String)] = [
        (
            Array("version https://git-lfs.github.com/spec/".utf8),
            "is a Git LFS pointer, not the file itself; run 'git lfs pull' in its repository"
        ),
        ([0x89, 0x48, 0x44, 0x46, 0x0D, 0x0A, 0x1A, 0x0A], "is an HDF5 file, as Keras writes them (.h5); \(convert)"),
        ([0x93] + Array("NUMPY".utf8), "is a NumPy array (.npy); \(convert)"),
        (Array("GGUF".utf8), "is a GGUF file, which dtrain doesn't support; use another file"),
        (
            [UInt8](repeating: 0, count: 8),
            "starts with zeros, as an unfinished download does; fetch it again"
        ),
    ]

    private static func describe(_ format: FileFormat, _ path: String) -> String {
        guard case .decompress(let command, let suffix, let filter) = format.remedy else {
            return "is \(format.name); use another file"
        }
        return path.hasSuffix(suffix)
            ? "is \(format.name); run '\(command) \(path.shellWord)' and pass the result"
            : "is \(format.name); run '\(filter) <\(path.shellWord) >unpacked' and pass that file"
    }

    /// Whether this is the start of a safetensors file, even if the file isn't complete.
    private static func isHeader(_ head: [UInt8]) -> Bool {
        head.count > 8 && head[4..<8] == [0, 0, 0, 0] && head[8] == UInt8(ascii: "{")
    }

    /// Describes a zip archive by the names of its first entries.
    private static func describeZip(_ head: [UInt8], _ path: String) -> String {
        let text = String(decoding: head, as: UTF8.self)
        if text.contains("data.pkl") || text.contains("/.format_version") {
            return "is a PyTorch file (a zip archive with a pickle); \(convert)"
        }
        if text.contains("model.weights.h5") || text.contains("config.json") || text.contains("metadata.json") {
            return "is a Keras file (a zip archive, .keras); \(convert)"
        }
        if text.contains(".npy") { return "is an archive of NumPy arrays (.npz); \(convert)" }
        return "is a zip archive; unpack it with 'unzip \(path.shellWord)' and pass a file from it"
    }

    /// Whether this is a pickle of protocol 2 to 5 rather than the length of a safetensors header.
    private static func isPickle(_ head: [UInt8]) -> Bool {
        head.count > 8 && head[0] == 0x80 && (2...5).contains(head[1]) && head[4..<8] != [0, 0, 0, 0]
    }

    private static func describeText(_ head: [UInt8]) -> String? {
        let text = String(decoding: head, as: UTF8.self)
        let start = text.drop { $0.isWhitespace || $0 == "\u{FEFF}" }
        let lower = start.prefix(20).lowercased()
        if lower.hasPrefix("<!doctype html") || lower.hasPrefix("<html") {
            return "is an HTML page; download the file itself, not the page that shows it"
        }
        if lower.hasPrefix("<") { return "is an XML or HTML document; download the file itself" }
        if start.hasPrefix("{") || start.hasPrefix("[") {
            let index = text.contains("\"weight_map\"") ? ", an index of several files" : ""
            return "is a JSON document\(index); name a file that holds the tensors themselves"
        }
        guard !head.contains(where: { $0 < 0x09 || (0x0E..<0x20).contains($0) || $0 >= 0x7F }) else { return nil }
        return "is a text file that starts with \(String(start.prefix(40)).quotedForMessage); name a file of tensors"
    }
}
