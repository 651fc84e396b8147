/// The characters that occur in the inputs of a step's global batch, in ascending order of their ids.
///
/// A character's place among them is its row of the first layer's table. All ranks read the whole batch, so they agree on the
/// rows without a message.
final class BatchCharacters: @unchecked Sendable {
    /// R, the number of characters that there is room for: no batch of the usual length has more.
    let capacity: Int
    /// U, the number of characters that occur.
    private(set) var count = 0
    /// The id of each row: [R], of which the first U are in use.
    let ids: AlignedBuffer<UInt16>
    /// The row of each id that occurs: [V].
    private let rows: AlignedBuffer<UInt16>
    /// Whether each id occurs: [V].
    private let occurs: AlignedBuffer<Bool>

    /// Starts without characters.
    ///
    /// - Parameters:
    ///   - vocabularySize: V; all ids are below it.
    ///   - batchSize: the sequences of the global batch.
    ///   - sequenceLength: the tokens of each, usually.
    ///   - samplesInputs: whether a batch may need room for the whole vocabulary.
    /// - Throws: `DTrainError` with `internal` when memory runs out.
    init(vocabularySize: Int, batchSize: Int, sequenceLength: Int, samplesInputs: Bool = false) throws {
        capacity = Self.capacity(
            vocabularySize: vocabularySize, batchSize: batchSize, sequenceLength: sequenceLength,
            samplesInputs: samplesInputs)
        ids = try AlignedBuffer(count: capacity)
        rows = try AlignedBuffer(count: vocabularySize)
        occurs = try AlignedBuffer(count: vocabularySize)
    }

    /// The most characters that a batch can have: no more than the vocabulary has, nor than tokens unless others may be drawn.
    static func capacity(
        vocabularySize: Int, batchSize: Int, sequenceLength: Int, samplesInputs: Bool = false
    ) -> Int {
        guard !samplesInputs else { return vocabularySize }
        let tokens = batchSize.multipliedReportingOverflow(by: sequenceLength)
        return tokens.overflow ? vocabularySize : min(vocabularySize, tokens.partialValue)
    }

    /// Forgets all characters.
    func removeAll() {
        count = 0
        occurs.elements.update(repeating: false)
    }

    /// Adds the characters of a text.
    func insert(_ text: UnsafeBufferPointer<UInt16>) {
        for id in text { occurs[Int(id)] = true }
    }

    /// Adds all characters that can be drawn: any but `[UNK]`.
    func insertAll() { for id in 1..<occurs.count { occurs[id] = true } }

    /// The row of a character that occurs.
    func row(of id: Int) -> UInt16 { rows[id] }

    /// Numbers the characters, when all are inserted.
    ///
    /// - Throws: `DTrainError` with `usage` when there are more than there is room for.
    func number() throws {
        count = 0
        for id in 0..<occurs.count where occurs[id] {
            guard count < capacity else {
                throw DTrainError(
                    .usage,
                    "a longer batch than the trainer was made for has more than \(capacity) different characters; make "
                        + "the trainer with the longest sequence length")
            }
            ids[count] = UInt16(truncatingIfNeeded: id)
            rows[id] = UInt16(truncatingIfNeeded: count)
            count += 1
        }
    }

    /// Replaces ids of characters that occur by their rows.
    func replaceByRows(_ text: UnsafeMutableBufferPointer<UInt16>) {
        for index in text.indices { text[index] = rows[Int(text[index])] }
    }
}
