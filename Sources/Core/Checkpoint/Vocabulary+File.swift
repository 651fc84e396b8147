extension Vocabulary {
    /// Reads a vocabulary: a JSON list of one-character strings in the order of their ids, or the text itself.
    ///
    /// A list of `<00>`, `<01>` … `<ff>` is the vocabulary of bytes.
    /// The list may begin with `[UNK]`, which is id 0 in any case.
    ///
    /// - Parameter path: the file; a text may also be any that has the same characters.
    /// - Throws: `DTrainError` with `noInput` when it can't be read, `badData` when it is neither.
    public init(path: String) throws {
        self = try Self.file(path).vocabulary
    }

    /// Reads a vocabulary as `init(path:)` does; also whether the file itself names `[UNK]`.
    ///
    /// - Throws: as `init(path:)`.
    package static func file(_ path: String) throws -> (vocabulary: Vocabulary, namesUnknown: Bool) {
        guard let list = try list(path) else { return (try Corpus(path: path).vocabulary, false) }
        do {
            return try vocabulary(of: list)
        } catch {
            throw DTrainError(
                .badData,
                "the list '\(path)' \(error.text); correct it, or name the text that the weights were trained on")
        }
    }

    /// The vocabulary of a list that may leave out `[UNK]`; also whether it names it.
    static func vocabulary(of list: [String]) throws(Problem) -> (vocabulary: Vocabulary, namesUnknown: Bool) {
        let namesUnknown = list.first == unknownToken
        return (try Vocabulary(checking: namesUnknown ? list : [unknownToken] + list), namesUnknown)
    }

    /// The strings of a file that is a JSON list of strings and nothing else; nil for any other.
    private static func list(_ path: String) throws -> [String]? {
        let file = try MappedFile(path: path, kind: "vocabulary")
        return withExtendedLifetime(file) {
            var scanner = JSONScanner(file.bytes)
            var entries: [String] = []
            let isWhole: ()? = try? scanner.sequence("[", "]") { scanner in
                guard entries.count <= maximumScalarCount + 1 else {
                    throw JSONScanner.Problem(text: "too many entries")
                }
                entries.append(try scanner.string())
            }
            return isWhole != nil && scanner.isAtEnd() && !entries.isEmpty ? entries : nil
        }
    }
}
