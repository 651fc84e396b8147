extension Vocabulary {
    /// The ids of a text's characters, 0 for those that the vocabulary lacks.
    public func encode(_ text: String) -> [UInt16] { text.unicodeScalars.map { id(of: $0) } }

    /// The text of some ids; what has no character (id 0) reads `[UNK]`.
    public func decode(_ ids: [UInt16]) -> String {
        var text = String.UnicodeScalarView()
        for id in ids {
            if let scalar = scalar(of: id) {
                text.append(scalar)
            } else {
                text.append(contentsOf: Self.unknownToken.unicodeScalars)
            }
        }
        return String(text)
    }

    /// The distinct characters of a text that the vocabulary lacks, in order of appearance.
    public func missing(in text: String) -> [Unicode.Scalar] {
        var seen: Set<Unicode.Scalar> = []
        return text.unicodeScalars.filter { id(of: $0) == 0 && seen.insert($0).inserted }
    }
}
