/// Finds the first complete stop text in a text that grows id by id.
///
/// It runs the automaton of Knuth, Morris and Pratt for each stop text.
struct StopMatcher: Sendable {
    private struct Pattern: Sendable {
        let ids: [UInt16]
        /// For each number of matched ids, the number that stays matched when the next id differs.
        let fallbacks: [Int]
        /// The number of ids at the end of the text that match the start of the pattern.
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

    /// Prepares the search.
    ///
    /// - Parameter texts: the ids of each stop text, at least one.
    init(_ texts: [[UInt16]]) { patterns = texts.map(Pattern.init) }

    /// The number of ids at the end of the text that may be the start of a stop text.
    var pending: Int { patterns.reduce(0) { max($0, $1.matched) } }

    /// Processes the next id of the text; the text ends once a stop text is complete.
    ///
    /// - Returns: the index of the stop text that is now complete, the longest if there are
    ///   several; nil if there is none.
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

    /// The number of ids in a stop text.
    func length(of number: Int) -> Int { patterns[number].ids.count }
}
