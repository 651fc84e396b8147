/// The mapping between a model's ids and characters or bytes.
///
/// Id 0 is `[UNK]`. The sorted Unicode scalars of a text have the ids from 1. Characters added
/// later follow those, so existing ids never change. In a byte vocabulary, byte b has the id b + 1,
/// and id 0 never occurs.
///
/// Characters are Unicode scalars, not grapheme clusters: a letter and its combining mark are two
/// characters, as are CR and LF.
public struct Vocabulary: Hashable, Sendable {
    /// The token of id 0, which stands for every unknown character.
    public static let unknownToken = "[UNK]"
    /// The most characters that 16-bit ids can represent besides `[UNK]`.
    public static let maximumScalarCount = Int(UInt16.max)

    /// The vocabulary of all 256 bytes.
    public static let bytes = Vocabulary()
    /// The number of distinct bytes.
    static let byteCount = 256

    /// Whether ids are characters or bytes.
    public let tokenization: Tokenization
    /// The characters in the order of their ids from 1: ascending unless the vocabulary was
    /// extended; empty for bytes.
    public let scalars: [Unicode.Scalar]
    /// For each block of 256 code points, the number of its page in `ids`; page 0 is all zeros.
    private let pageNumbers: [UInt16]
    /// The pages, 256 ids each.
    private let ids: [UInt16]

    /// Builds a vocabulary of characters, given in any order and possibly repeated.
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
                "\(ascending.count) distinct characters are more than the \(Self.maximumScalarCount) that ids can "
                    + "represent; use a text with fewer")
        }
        self.init(distinct: ascending)
    }

    /// This vocabulary with further characters after its own, in ascending order.
    ///
    /// - Parameter characters: the characters in any order; known ones are ignored, and a byte
    ///   vocabulary ignores all.
    /// - Throws: `DTrainError` with `badData` when there are more characters than ids.
    public func extended(with characters: some Sequence<Unicode.Scalar>) throws -> Vocabulary {
        let new = tokenization == .bytes ? [] : Set(characters).filter { id(of: $0) == 0 }.sorted()
        guard !new.isEmpty else { return self }
        guard scalars.count + new.count <= Self.maximumScalarCount else {
            throw DTrainError(
                .badData,
                "\(new.count) new characters besides \(scalars.count) are more than the \(Self.maximumScalarCount) that "
                    + "ids can represent; use a text with fewer")
        }
        return Vocabulary(distinct: scalars + new)
    }

    /// Restores a vocabulary from the tokens in a checkpoint.
    ///
    /// - Parameter tokens: `[UNK]`, then distinct single characters, or `<00>`, `<01>` … `<ff>`.
    /// - Throws: `DTrainError` with `badData` for any other list.
    public init(tokens: [String]) throws {
        do {
            try self.init(checking: tokens)
        } catch {
            throw DTrainError(
                .badData, "the vocabulary \(error.text): the checkpoint is damaged or foreign; use another one")
        }
    }

    /// A defect of a token list, phrased to follow "the vocabulary" or "a vocabulary that".
    struct Problem: Error {
        let text: String
    }

    /// Restores a vocabulary from tokens; the caller adds to an error where the tokens come from.
    init(checking tokens: [String]) throws(Problem) {
        // Not `==`, which treats canonical equivalents as equal, such as KELVIN SIGN and K.
        guard let first = tokens.first, first.utf8.elementsEqual(Self.unknownToken.utf8) else {
            throw Problem(text: "doesn't start with \(Self.unknownToken)")
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

    /// The id of the first character that also has a lower id; nil if all are distinct.
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

    /// The byte vocabulary, which has no characters.
    private init() {
        tokenization = .bytes
        scalars = []
        pageNumbers = [UInt16](repeating: 0, count: 0x110000 >> 8)
        ids = [UInt16](repeating: 0, count: 256)
    }

    /// V, the number of ids: the characters or bytes, and `[UNK]`.
    public var size: Int { (tokenization == .bytes ? Self.byteCount : scalars.count) + 1 }

    /// Whether ids ascend with the code points.
    var isAscending: Bool { zip(scalars, scalars.dropFirst()).allSatisfy(<) }

    /// All tokens in the order of their ids.
    ///
    /// Compare them by their scalars, since Swift's string `==` treats canonical equivalents as
    /// equal.
    public var tokens: [String] {
        let known = tokenization == .bytes ? (0..<Self.byteCount).map(Self.token(ofByte:)) : scalars.map { String($0) }
        return [Self.unknownToken] + known
    }

    /// The id of a character; 0 if it is unknown, and for every character in a byte vocabulary.
    public func id(of scalar: Unicode.Scalar) -> UInt16 { id(ofCodePoint: scalar.value) }

    /// The character of an id; nil for `[UNK]`, for bytes and for numbers that are not ids.
    public func scalar(of id: UInt16) -> Unicode.Scalar? {
        id > 0 && Int(id) <= scalars.count ? scalars[Int(id) - 1] : nil
    }

    /// The id of a byte in a byte vocabulary.
    @inline(__always)
    static func id(ofByte byte: UInt8) -> UInt16 { UInt16(byte) + 1 }

    /// The token of a byte, such as `<0a>`.
    private static func token(ofByte byte: Int) -> String {
        "<\(byte < 16 ? "0" : "")\(String(byte, radix: 16))>"
    }

    /// Whether these are the tokens of a byte vocabulary; doesn't check the first one.
    private static func areBytes(_ tokens: [String]) -> Bool {
        tokens.count == byteCount + 1
            && (0..<byteCount).allSatisfy { tokens[$0 + 1].utf8.elementsEqual(token(ofByte: $0).utf8) }
    }

    func id(ofCodePoint value: UInt32) -> UInt16 {
        ids[Int(pageNumbers[Int(value >> 8)]) << 8 | Int(value & 0xFF)]
    }
}
