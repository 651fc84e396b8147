/// Finds the likely intended word for a mistyped one.
enum Suggestions {
    /// The flag among `names` that matches the word in another spelling or under another program's
    /// name.
    static func synonym(of word: String, among names: [String]) -> String? {
        let typed = ForeignFlags.squeezed(word)
        return names.first { ForeignFlags.squeezed($0) == typed }
            ?? ForeignFlags.flags(for: word).first(where: names.contains)
    }

    /// At most three flags among `names` that start with the word, resemble it, or contain it.
    static func similar(to word: String, among names: [String]) -> [String] {
        let typed = ForeignFlags.squeezed(word)
        // One or two letters match too many flags.
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

    /// The nearest word of the list by edit distance.
    ///
    /// - Returns: nil if the distance exceeds both 1 and a third of the shorter word's length.
    static func nearest(_ word: String, among words: [String]) -> String? {
        let typed = word.lowercased()
        let rated = words.map { (word: $0, distance: distance(from: typed, to: $0)) }
        guard let best = rated.min(by: { $0.distance < $1.distance }) else { return nil }
        return best.distance <= max(1, min(typed.count, best.word.count) / 3) ? best.word : nil
    }

    /// The restricted Damerau-Levenshtein distance: letters to insert, delete, replace, or swap
    /// with a neighbor.
    static func distance(from first: String, to second: String) -> Int {
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
