/// What a mistyped word was probably meant to be.
enum Suggestions {
    /// The flag among `names` that is the word in another spelling, or by another program's name for it.
    static func synonym(of word: String, among names: [String]) -> String? {
        let typed = ForeignFlags.squeezed(word)
        return names.first { ForeignFlags.squeezed($0) == typed }
            ?? ForeignFlags.flags(for: word).first(where: names.contains)
    }

    /// Flags among `names` that begin with the word, look like it, or hold it, at most three.
    static func similar(to word: String, among names: [String]) -> [String] {
        let typed = ForeignFlags.squeezed(word)
        // One or two letters are in too many of them.
        guard typed.count > 2 else { return [] }
        let begun = names.filter { ForeignFlags.squeezed($0).hasPrefix(typed) }
        if !begun.isEmpty { return Array(begun.prefix(3)) }
        if let near = nearest(String(word.drop { $0 == "-" }), among: names.map { String($0.dropFirst(2)) }) {
            return ["--\(near)"]
        }
        let inside = names.filter { name in
            name.split(separator: "-").contains {
                $0 == typed || ($0.count > 3 && typed == "\($0)s") || "\(typed)s" == $0
            }
        }
        return Array(inside.prefix(3))
    }

    /// The word of the list that so few slips of the hand would turn `word` into that it was probably meant.
    ///
    /// - Returns: nil when no word is within a third of its letters.
    static func nearest(_ word: String, among words: [String]) -> String? {
        let typed = word.lowercased()
        let rated = words.map { (word: $0, slips: slips(from: typed, to: $0)) }
        guard let best = rated.min(by: { $0.slips < $1.slips }) else { return nil }
        return best.slips <= max(1, min(typed.count, best.word.count) / 3) ? best.word : nil
    }

    /// Letters to insert, delete, replace, or swap with their neighbours: the restricted Damerau-Levenshtein distance.
    static func slips(from first: String, to second: String) -> Int {
        let (a, b) = (Array(first), Array(second))
        var rows = [Array(0...b.count)]
        for i in a.indices {
            var row = [i + 1]
            for j in b.indices {
                var least = min(rows[i][j + 1] + 1, row[j] + 1, rows[i][j] + (a[i] == b[j] ? 0 : 1))
                if i > 0, j > 0, a[i] == b[j - 1], a[i - 1] == b[j] { least = min(least, rows[i - 1][j - 1] + 1) }
                row.append(least)
            }
            rows.append(row)
        }
        return rows[a.count][b.count]
    }
}
