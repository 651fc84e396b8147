extension Vocabulary {
    /// Reads a vocabulary: a JSON list of one-character strings in the order of their ids, or a
    /// text with the same characters.
    ///
    /// A list of `<00>`, `<01>` … `<ff>` is the byte vocabulary. A list may start with `[UNK]`,
    /// which is id 0 in any case.
    ///
    /// - Parameter path: the file.
    /// - Throws: `DTrainError` with `noInput` when the file can't be read, with `badData` when it
    ///   is neither.
    public init(path: String) throws {
        self = try Self.file(path).vocabulary
    }

    /// Reads a vocabulary as `init(path:)` does; also returns whether the file contains `[UNK]`.
    ///
    /// - Throws: the errors of `init(path:)`.
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

    /// The vocabulary of a list that may omit `[UNK]`; also returns whether it contains it.
    static func vocabulary(of list: [String]) throws(Problem) -> (vocabulary: Vocabulary, namesUnknown: Bool) {
        let namesUnknown = list.first == unknownToken
        return (try Vocabulary(checking: namesUnknown ? list : [unknownToken] + list), namesUnknown)
    }

    /// The strings of a file that is exactly one JSON list of strings; nil for any other file.
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
