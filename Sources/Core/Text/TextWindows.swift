/// Consecutive windows of S + 1 characters of a text: the first S are the input, the last S the target.
struct TextWindows: Sendable {
    /// S.
    let sequenceLength: Int
    /// The windows by their place in the text.
    let windows: Range<Int>

    /// The number of windows that a text has; what is left of it after the last is dropped.
    static func count(characters: Int, sequenceLength: Int) -> Int {
        sequenceLength < characters ? characters / (sequenceLength + 1) : 0
    }

    /// Reads the S + 1 ids of a window, counted from the first of these.
    func read(_ window: Int, of corpus: Corpus, into ids: UnsafeMutablePointer<UInt16>) {
        precondition(windows.indices.contains(windows.lowerBound + window), "window out of range")
        corpus.read(
            from: (windows.lowerBound + window) * (sequenceLength + 1), count: sequenceLength + 1, into: ids)
    }
}
