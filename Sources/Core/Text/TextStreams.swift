/// A text cut into B streams of equal length, which are read side by side.
///
/// Step k of S tokens feeds the ids [kS, (k + 1)S) of every stream; their targets lie one further.
struct TextStreams: Sendable {
    /// B.
    let count: Int
    /// S.
    let sequenceLength: Int
    /// Ids that each stream feeds.
    let length: Int
    private let firstCharacter: Int

    /// Cuts a part of a text; the last stream's last target is its last character at most.
    init(_ characters: Range<Int>, count: Int, sequenceLength: Int) {
        self.count = count
        self.sequenceLength = sequenceLength
        firstCharacter = characters.lowerBound
        length = max(0, characters.count - 1) / count
    }

    /// The steps in which all streams feed S ids.
    var wholeSteps: Int { length / sequenceLength }

    /// The steps to the end of the streams.
    var steps: Int { length / sequenceLength + (length % sequenceLength > 0 ? 1 : 0) }

    /// The ids that each stream feeds in a step.
    func tokens(step: Int) -> Int { max(0, min(sequenceLength, length - step * sequenceLength)) }

    /// Reads the S + 1 ids of a stream in a step; behind the stream's end they are 0.
    func read(stream: Int, step: Int, of corpus: Corpus, into ids: UnsafeMutablePointer<UInt16>) {
        let tokens = tokens(step: step)
        corpus.read(
            from: firstCharacter + stream * length + step * sequenceLength, count: tokens + 1, into: ids)
        (ids + tokens + 1).update(repeating: 0, count: sequenceLength - tokens)
    }
}
