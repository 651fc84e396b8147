/// Finds the first of several texts to be complete in a text that grows id by id.
///
/// Knuth, Morris and Pratt's automaton for each of the texts.
struct StopMatcher: Sendable {
    private struct Pattern: Sendable {
        let ids: [UInt16]
        /// For each number of matched ids, how many stay matched when the next one differs.
        let fallbacks: [Int]
        /// Ids at the end of the text that begin the pattern.
        var matched = 0

        init(_ ids: [UInt16]) {
            self.ids = ids
            var fallbacks = [0, 0]
            for end in ids.indices.dropFirst() {
                var matched = fallbacks[end]
                while matched > 0, ids[matched] != ids[end] { matched = fallbacks[matched] }
                fallbacks.append(ids[matched] == ids[end] ? matched + 1 : 0)
            }
            self.fallbacks = fallbacks
        }

        var isComplete: Bool { matched == ids.count }

        mutating func advance(_ id: UInt16) {
            while matched > 0, ids[matched] != id { matched = fallbacks[matched] }
            if ids[matched] == id { matched += 1 }
        }
    }

    private var patterns: [Pattern]

    /// Prepares to find any of some texts.
    ///
    /// - Parameter texts: the ids of each, at least one.
    init(_ texts: [[UInt16]]) { patterns = texts.map(Pattern.init) }

    /// The number of ids at the end of the text that may begin one of the texts.
    var pending: Int { patterns.reduce(0) { max($0, $1.matched) } }

    /// Takes the text's next id; the last one is that which completes one of the texts.
    ///
    /// - Returns: the number of the text that is now complete, the longest if there are several; nil for none.
    mutating func advance(_ id: UInt16) -> Int? {
        var complete: Int?
        for number in patterns.indices {
            patterns[number].advance(id)
            guard patterns[number].isComplete else { continue }
            if let other = complete, patterns[other].ids.count >= patterns[number].ids.count { continue }
            complete = number
        }
        return complete
    }

    /// The number of ids of one of the texts.
    func length(of number: Int) -> Int { patterns[number].ids.count }
}
