extension Vocabulary {
    /// The ids of a text's characters, 0 for those that the vocabulary lacks.
    public func encode(_ text: String) -> [UInt16] { text.unicodeScalars.map { id(of: $0) } }

    /// The text of some ids; what has no character (id 0) reads `[UNK]`.
    public func decode(_ ids: [UInt16]) -> String { String(decoding: bytes(of: ids), as: UTF8.self) }

    /// The bytes of some ids: those of the characters' UTF-8; what has no character (id 0) gives `[UNK]`.
    public func bytes(of ids: [UInt16]) -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(ids.count)
        for id in ids {
            if let scalar = scalar(of: id) {
                bytes.append(contentsOf: String(scalar).utf8)
            } else {
                bytes.append(contentsOf: Self.unknownToken.utf8)
            }
        }
        return bytes
    }

    /// The distinct characters of a text that the vocabulary lacks, in order of appearance.
    public func missing(in text: String) -> [Unicode.Scalar] {
        var seen: Set<Unicode.Scalar> = []
        return text.unicodeScalars.filter { id(of: $0) == 0 && seen.insert($0).inserted }
    }
}
