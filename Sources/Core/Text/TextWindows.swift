/// Consecutive windows of S + 1 characters: the first S are the input, the last S the target.
struct TextWindows: Sendable {
    /// S, the number of characters in an input.
    let sequenceLength: Int
    /// The indices of the windows, counted from the start of the text.
    let windows: Range<Int>

    /// The number of full windows in a text; characters after the last one are dropped.
    static func count(characters: Int, sequenceLength: Int) -> Int {
        sequenceLength < characters ? characters / (sequenceLength + 1) : 0
    }

    /// Reads the S + 1 ids of a window, counted from the first one in `windows`.
    func read(_ window: Int, of corpus: Corpus, into ids: UnsafeMutablePointer<UInt16>) {
        precondition(windows.indices.contains(windows.lowerBound + window), "window out of range")
        corpus.read(
            from: (windows.lowerBound + window) * (sequenceLength + 1), count: sequenceLength + 1, into: ids)
    }
}
