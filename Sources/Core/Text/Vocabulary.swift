/// The characters that a model knows: id 0 is `[UNK]`, then the sorted Unicode scalars of its text from id 1 on.
///
/// Characters are Unicode scalars, not grapheme clusters: a letter and its combining mark are two, as are CR and LF.
public struct Vocabulary: Hashable, Sendable {
    /// The token of id 0, which stands for every character that the vocabulary lacks.
    public static let unknownToken = "[UNK]"
    /// The most characters that 16-bit ids can name beside `[UNK]`.
    public static let maximumScalarCount = Int(UInt16.max)

    /// The characters in ascending order; that of id n is at n − 1.
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
        self.init(ascending: ascending)
    }

    /// The vocabulary whose tokens a checkpoint lists.
    ///
    /// - Parameter tokens: `[UNK]`, then one character each, ascending.
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
        var scalars: [Unicode.Scalar] = []
        scalars.reserveCapacity(tokens.count - 1)
        for (id, token) in tokens.enumerated().dropFirst() {
            let view = token.unicodeScalars
            guard let scalar = view.first, view.index(after: view.startIndex) == view.endIndex else {
                throw Problem(text: "has a token (id \(id)) that is not exactly one character")
            }
            if let last = scalars.last, last >= scalar {
                throw Problem(text: "is not in ascending order at id \(id)")
            }
            scalars.append(scalar)
        }
        self.init(ascending: scalars)
    }

    private init(ascending: [Unicode.Scalar]) {
        var pageNumbers = [UInt16](repeating: 0, count: 0x110000 >> 8)
        var ids = [UInt16](repeating: 0, count: 256)
        for (index, scalar) in ascending.enumerated() {
            let block = Int(scalar.value >> 8)
            if pageNumbers[block] == 0 {
                pageNumbers[block] = UInt16(ids.count >> 8)
                ids.append(contentsOf: repeatElement(0, count: 256))
            }
            ids[Int(pageNumbers[block]) << 8 | Int(scalar.value & 0xFF)] = UInt16(index + 1)
        }
        scalars = ascending
        self.pageNumbers = pageNumbers
        self.ids = ids
    }

    /// V, the number of ids: the characters and `[UNK]`.
    public var size: Int { scalars.count + 1 }

    /// All tokens in the order of their ids.
    ///
    /// Compare them by their scalars: Swift's `==` of strings takes canonical equivalents for the same.
    public var tokens: [String] { [Self.unknownToken] + scalars.map { String($0) } }

    /// The id of a character, 0 when the vocabulary lacks it.
    public func id(of scalar: Unicode.Scalar) -> UInt16 { id(ofCodePoint: scalar.value) }

    /// The character of an id, nil for `[UNK]` and for what is no id.
    public func scalar(of id: UInt16) -> Unicode.Scalar? {
        id > 0 && Int(id) < size ? scalars[Int(id) - 1] : nil
    }

    func id(ofCodePoint value: UInt32) -> UInt16 {
        ids[Int(pageNumbers[Int(value >> 8)]) << 8 | Int(value & 0xFF)]
    }
}
