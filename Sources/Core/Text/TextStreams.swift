/// A text divided into B streams of equal length, which are read side by side.
///
/// Step k of S tokens reads the ids [kS, (k + 1)S) of every stream; their targets are shifted by
/// one.
struct TextStreams: Sendable {
    /// B, the number of streams.
    let count: Int
    /// S, the number of tokens per step.
    let sequenceLength: Int
    /// The number of input ids in each stream.
    let length: Int
    private let firstCharacter: Int

    /// Divides a range of a text; all targets lie within the range.
    init(_ characters: Range<Int>, count: Int, sequenceLength: Int) {
        self.count = count
        self.sequenceLength = sequenceLength
        firstCharacter = characters.lowerBound
        length = max(0, characters.count - 1) / count
    }

    /// The number of steps in which every stream has S tokens.
    var wholeSteps: Int { length / sequenceLength }

    /// The number of steps up to the end of the streams, the last of which may be shorter.
    var steps: Int { length / sequenceLength + (length % sequenceLength > 0 ? 1 : 0) }

    /// The number of tokens per stream in a step.
    func tokens(step: Int) -> Int { max(0, min(sequenceLength, length - step * sequenceLength)) }

    /// Reads the S + 1 ids of a stream in a step; ids past the stream's end are 0.
    func read(stream: Int, step: Int, of corpus: Corpus, into ids: UnsafeMutablePointer<UInt16>) {
        let tokens = tokens(step: step)
        corpus.read(
            from: firstCharacter + stream * length + step * sequenceLength, count: tokens + 1, into: ids)
        (ids + tokens + 1).update(repeating: 0, count: sequenceLength - tokens)
    }
}
