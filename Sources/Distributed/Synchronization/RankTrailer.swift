/// What a rank tells all others with the sums of a step; along the tree at no extra collective.
struct RankTrailer: Hashable, Sendable {
    /// What the synchroniser's user wants told.
    var value: UInt32 = 0
    /// How long the rank has computed for this step, in microseconds.
    var microseconds: UInt32 = 0

    /// A note as words, in the order in which it travels.
    static let words = 2

    /// A note with the seconds as far as they can be told, an hour and more.
    init(value: UInt32 = 0, seconds: Double = 0) {
        self.value = value
        microseconds = UInt32(min(max(0, seconds * 1e6), Double(UInt32.max)))
    }

    init(words: (UInt32, UInt32)) { (value, microseconds) = words }
}
