extension Vocabulary {
    /// The ids of a text's characters, with 0 for unknown ones, or of its UTF-8 bytes.
    public func encode(_ text: String) -> [UInt16] {
        switch tokenization {
        case .characters: text.unicodeScalars.map { id(of: $0) }
        case .bytes: text.utf8.map(Self.id(ofByte:))
        }
    }

    /// The text of some ids; id 0 becomes `[UNK]`.
    ///
    /// Bytes that aren't valid UTF-8 become U+FFFD; `bytes(of:)` returns them unchanged.
    public func decode(_ ids: [UInt16]) -> String { String(decoding: bytes(of: ids), as: UTF8.self) }

    /// The bytes of some ids: the UTF-8 of their characters, or the bytes themselves; id 0 becomes
    /// `[UNK]`.
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

    /// The distinct characters of a text that the vocabulary lacks, in order of appearance; empty
    /// for a byte vocabulary.
    public func missing(in text: String) -> [Unicode.Scalar] {
        guard tokenization == .characters else { return [] }
        var seen: Set<Unicode.Scalar> = []
        return text.unicodeScalars.filter { id(of: $0) == 0 && seen.insert($0).inserted }
    }
}
