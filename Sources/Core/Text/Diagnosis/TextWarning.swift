/// Checks for input that is valid UTF-8 but probably not text.
enum TextWarning {
    /// The number of distinct unusual control characters that a text may have.
    private static let tolerated = 3

    /// Returns the reason for doubt on one line, or nil if the input looks like text.
    ///
    /// - Parameter scalars: the text's distinct characters; empty when a vocabulary was given.
    static func find(in text: JoinedText, _ scalars: [Unicode.Scalar]) -> String? {
        for file in text.files {
            let start = file.range.lowerBound
            let prefix = text.bytes(start..<min(start + FileFormat.prefixCount, file.range.upperBound))
            guard let format = FileFormat.recognize(prefix) else { continue }
            return "'\(file.path)' is \(format.name), not text; \(TextRemedy(file: file).apply(format))"
        }
        let controls = scalars.filter { $0.isASCII && ControlCharacters.isUnusual(UInt8($0.value)) }
        if controls.contains("\0") || controls.count > tolerated { return controlCharacters(in: text) }
        guard scalars.count == 1 else { return nil }
        return "'\(text.name)' consists of one repeated character: there is nothing to learn"
    }

    /// Describes the first file with unusual control characters.
    private static func controlCharacters(in text: JoinedText) -> String? {
        var offset = 0
        var isFound = false
        text.forEachPiece(of: 0..<text.byteCount) { piece in
            let index = piece.firstIndex(where: ControlCharacters.isUnusual)
            offset += index ?? piece.count
            isFound = index != nil
            return !isFound
        }
        guard isFound, let file = text.file(at: offset) else { return nil }
        let start = file.range.lowerBound
        let remedy = TextRemedy(file: file)
        let sample = text.bytes(start..<min(start + WideEncoding.sampleCount, file.range.upperBound))
        if let name = WideEncoding.name(of: sample) {
            return "'\(file.path)' seems to be \(name), not UTF-8; "
                + remedy.filter("iconv -f \(name) -t UTF-8", label: "utf8")
        }
        return "'\(file.path)' is probably not text: it has control characters, the first at offset "
            + "\(offset - start) (line \(text.line(of: offset, in: file))); to drop them, "
            + remedy.filter(ControlCharacters.filter, label: "clean")
    }
}
