extension [String] {
    /// Removes flags and their values, given as the next word or after `=`.
    mutating func removeFlags(_ names: Set<String>) {
        var kept: [String] = []
        var rest = self[...]
        while let word = rest.popFirst() {
            if names.contains(word) {
                rest = rest.dropFirst()
            } else if !names.contains(String(word.prefix { $0 != "=" })) {
                kept.append(word)
            }
        }
        self = kept
    }
}
