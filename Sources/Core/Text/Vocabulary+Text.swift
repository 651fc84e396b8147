extension Vocabulary {
    /// The ids of a text's characters, 0 for those that the vocabulary lacks, or of its UTF-8 bytes.
    public func encode(_ text: String) -> [UInt16] {
        switch tokenization {
        case .characters: text.unicodeScalars.map { id(of: $0) }
        case .bytes: text.utf8.map(Self.id(ofByte:))
        }
    }

    /// The text of some ids; what has no character (id 0) reads `[UNK]`.
    ///
    /// Bytes that aren't UTF-8 read as U+FFFD; `bytes(of:)` gives them as they are.
    public func decode(_ ids: [UInt16]) -> String { String(decoding: bytes(of: ids), as: UTF8.self) }

    /// The bytes of some ids: those of the characters' UTF-8, or the bytes themselves; id 0 gives `[UNK]`.
    public func bytes(of ids: [UInt16]) -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(ids.count)
        for id in ids {
            if tokenization == .bytes, id > 0, Int(id) < size {
                bytes.append(UInt8(id - 1))
            } else if let scalar = scalar(of: id) {
                bytes.append(contentsOf: String(scalar).utf8)
            } else {
                bytes.append(contentsOf: Self.unknownToken.utf8)
            }
        }
        return bytes
    }

    /// The distinct characters of a text that the vocabulary lacks, in order of appearance; one of bytes lacks none.
    public func missing(in text: String) -> [Unicode.Scalar] {
        guard tokenization == .characters else { return [] }
        var seen: Set<Unicode.Scalar> = []
        return text.unicodeScalars.filter { id(of: $0) == 0 && seen.insert($0).inserted }
    }
}
