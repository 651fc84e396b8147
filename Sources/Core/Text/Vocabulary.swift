/// What a model's ids mean: id 0 is `[UNK]`, then the sorted Unicode scalars of its text from id 1 on, or all bytes.
///
/// Characters are Unicode scalars, not grapheme clusters: a letter and its combining mark are two, as are CR and LF.
/// Further characters may come behind those: the old ids stay what they were. In a vocabulary of bytes the id of byte b is b + 1, and id 0 never occurs.
public struct Vocabulary: Hashable, Sendable {
    /// The token of id 0, which stands for every character that the vocabulary lacks.
    public static let unknownToken = "[UNK]"
    /// The most characters that 16-bit ids can name beside `[UNK]`.
    public static let maximumScalarCount = Int(UInt16.max)

    /// A vocabulary of all 256 bytes.
    public static let bytes = Vocabulary()
    /// How many bytes there are.
    static let byteCount = 256

    /// Whether ids are characters or bytes.
    public let tokenization: Tokenization
    /// The characters, that of id n at n − 1: in ascending order unless the vocabulary was extended; none in one of bytes.
    public let scalars: [Unicode.Scalar]
    /// For each 256 consecutive code points the number of their page in `ids`; page 0 knows none.
    private let pageNumbers: [UInt16]
    /// The pages, 256 ids each.
    private let ids: [UInt16]

    /// The vocabulary of some characters, in any order and however often each occurs.
    ///
    /// - Throws: `DTrainError` with `badData` when there are none, or more distinct ones than ids.
    public init(scalars: some Sequence<Unicode.Scalar>) throws {
        let ascending = Set(scalars).sorted()
        guard !ascending.isEmpty else {
            throw DTrainError(.badData, "a vocabulary needs at least one character; use a text that has some")
        }
        guard ascending.count <= Self.maximumScalarCount else {
            throw DTrainError(
                .badData,
                "\(ascending.count) distinct characters are more than the \(Self.maximumScalarCount) that ids can name; "
                    + "use a text with fewer")
        }
        self.init(distinct: ascending)
    }

    /// This vocabulary with further characters behind its own, in ascending order.
    ///
    /// - Parameter characters: in any order; those that it has already don't count, and one of bytes lacks none.
    /// - Throws: `DTrainError` with `badData` when there are more characters than ids.
    public func extended(with characters: some Sequence<Unicode.Scalar>) throws -> Vocabulary {
        let new = tokenization == .bytes ? [] : Set(characters).filter { id(of: $0) == 0 }.sorted()
        guard !new.isEmpty else { return self }
        guard scalars.count + new.count <= Self.maximumScalarCount else {
            throw DTrainError(
                .badData,
                "\(new.count) new characters beside \(scalars.count) are more than the \(Self.maximumScalarCount) that ids "
                    + "can name; use a text with fewer")
        }
        return Vocabulary(distinct: scalars + new)
    }

    /// The vocabulary whose tokens a checkpoint lists.
    ///
    /// - Parameter tokens: `[UNK]`, then one character each, none twice, or `<00>`, `<01>` … `<ff>`.
    /// - Throws: `DTrainError` with `badData` for any other list.
    public init(tokens: [String]) throws {
        do {
            try self.init(checking: tokens)
        } catch {
            throw DTrainError(
                .badData, "the vocabulary \(error.text): the checkpoint is damaged or foreign; use another one")
        }
    }

    /// What is wrong with a list of tokens, to follow "the vocabulary" or "a vocabulary that".
    struct Problem: Error {
        let text: String
    }

    /// The vocabulary of these tokens; leaves it to the caller to say where they come from.
    init(checking tokens: [String]) throws(Problem) {
        // Not `==`, which takes canonical equivalents (a KELVIN SIGN for the K) for the same text.
        guard let first = tokens.first, first.utf8.elementsEqual(Self.unknownToken.utf8) else {
            throw Problem(text: "doesn't begin with \(Self.unknownToken)")
        }
        guard tokens.count > 1, tokens.count - 1 <= Self.maximumScalarCount else {
            throw Problem(text: "has \(tokens.count) tokens instead of 2 to \(Self.maximumScalarCount + 1)")
        }
        if Self.areBytes(tokens) {
            self = .bytes
            return
        }
        var scalars: [Unicode.Scalar] = []
        scalars.reserveCapacity(tokens.count - 1)
        for (id, token) in tokens.enumerated().dropFirst() {
            let view = token.unicodeScalars
            guard let scalar = view.first, view.index(after: view.startIndex) == view.endIndex else {
                throw Problem(text: "has a token (id \(id)) that is not exactly one character")
            }
            scalars.append(scalar)
        }
        if let id = Self.firstRepeated(scalars) { throw Problem(text: "has a character twice (id \(id))") }
        self.init(distinct: scalars)
    }

    /// The id of the first character that has a lower id already; nil where there is none.
    private static func firstRepeated(_ scalars: [Unicode.Scalar]) -> Int? {
        var seen: Set<Unicode.Scalar> = []
        return scalars.firstIndex { !seen.insert($0).inserted }.map { $0 + 1 }
    }

    private init(distinct scalars: [Unicode.Scalar]) {
        var pageNumbers = [UInt16](repeating: 0, count: 0x110000 >> 8)
        var ids = [UInt16](repeating: 0, count: 256)
        for (index, scalar) in scalars.enumerated() {
            let block = Int(scalar.value >> 8)
            if pageNumbers[block] == 0 {
                pageNumbers[block] = UInt16(ids.count >> 8)
                ids.append(contentsOf: repeatElement(0, count: 256))
            }
            ids[Int(pageNumbers[block]) << 8 | Int(scalar.value & 0xFF)] = UInt16(index + 1)
        }
        tokenization = .characters
        self.scalars = scalars
        self.pageNumbers = pageNumbers
        self.ids = ids
    }

    /// The vocabulary of bytes, which knows no character.
    private init() {
        tokenization = .bytes
        scalars = []
        pageNumbers = [UInt16](repeating: 0, count: 0x110000 >> 8)
        ids = [UInt16](repeating: 0, count: 256)
    }

    /// V, the number of ids: the characters or bytes, and `[UNK]`.
    public var size: Int { (tokenization == .bytes ? Self.byteCount : scalars.count) + 1 }

    /// Whether ids follow the code points.
    var isAscending: Bool { zip(scalars, scalars.dropFirst()).allSatisfy(<) }

    /// All tokens in the order of their ids.
    ///
    /// Compare them by their scalars: Swift's `==` of strings takes canonical equivalents for the same.
    public var tokens: [String] {
        let known = tokenization == .bytes ? (0..<Self.byteCount).map(Self.token(ofByte:)) : scalars.map { String($0) }
        return [Self.unknownToken] + known
    }

    /// The id of a character, 0 when the vocabulary lacks it; one of bytes has no characters.
    public func id(of scalar: Unicode.Scalar) -> UInt16 { id(ofCodePoint: scalar.value) }

    /// The character of an id, nil for `[UNK]`, for bytes and for what is no id.
    public func scalar(of id: UInt16) -> Unicode.Scalar? {
        id > 0 && Int(id) <= scalars.count ? scalars[Int(id) - 1] : nil
    }

    /// The id of a byte in a vocabulary of bytes.
    @inline(__always)
    static func id(ofByte byte: UInt8) -> UInt16 { UInt16(byte) + 1 }

    /// The entry of a byte: `<0a>`.
    private static func token(ofByte byte: Int) -> String {
        "<\(byte < 16 ? "0" : "")\(String(byte, radix: 16))>"
    }

    /// Whether these are the tokens of a vocabulary of bytes, `[UNK]` first.
    private static func areBytes(_ tokens: [String]) -> Bool {
        tokens.count == byteCount + 1
            && (0..<byteCount).allSatisfy { tokens[$0 + 1].utf8.elementsEqual(token(ofByte: $0).utf8) }
    }

    func id(ofCodePoint value: UInt32) -> UInt16 {
        ids[Int(pageNumbers[Int(value >> 8)]) << 8 | Int(value & 0xFF)]
    }
}
