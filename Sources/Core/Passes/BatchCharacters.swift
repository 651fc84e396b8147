/// The distinct characters in the inputs of a step's global batch, in ascending order of their ids.
///
/// A character's index is its row of the first layer's table. All ranks read the whole batch, so
/// they agree on the rows without communication.
final class BatchCharacters: @unchecked Sendable {
    /// R, the capacity: no batch of the configured sequence length has more distinct characters.
    let capacity: Int
    /// U, the number of characters that occur.
    private(set) var count = 0
    /// The id of each row: [R]; the first U are in use.
    let ids: AlignedBuffer<UInt16>
    /// The row of each id that occurs: [V].
    private let rows: AlignedBuffer<UInt16>
    /// Whether each id occurs: [V].
    private let occurs: AlignedBuffer<Bool>

    /// Creates an empty set.
    ///
    /// - Parameters:
    ///   - vocabularySize: V; all ids are below it.
    ///   - batchSize: the number of sequences of the global batch.
    ///   - sequenceLength: the tokens per sequence; a batch may have a different length.
    ///   - samplesInputs: whether inputs may be drawn from the whole vocabulary.
    /// - Throws: `DTrainError` with `internal` if memory runs out.
    init(vocabularySize: Int, batchSize: Int, sequenceLength: Int, samplesInputs: Bool = false) throws {
        capacity = Self.capacity(
            vocabularySize: vocabularySize, batchSize: batchSize, sequenceLength: sequenceLength,
            samplesInputs: samplesInputs)
        ids = try AlignedBuffer(count: capacity)
        rows = try AlignedBuffer(count: vocabularySize)
        occurs = try AlignedBuffer(count: vocabularySize)
    }

    /// Returns the maximum number of distinct characters in a batch: the vocabulary size or, unless
    /// inputs are drawn, the number of tokens, whichever is smaller.
    static func capacity(
        vocabularySize: Int, batchSize: Int, sequenceLength: Int, samplesInputs: Bool = false
    ) -> Int {
        guard !samplesInputs else { return vocabularySize }
        let tokens = batchSize.multipliedReportingOverflow(by: sequenceLength)
        return tokens.overflow ? vocabularySize : min(vocabularySize, tokens.partialValue)
    }

    /// Removes all characters.
    func removeAll() {
        count = 0
        occurs.elements.update(repeating: false)
    }

    /// Adds the characters of a text.
    func insert(_ text: UnsafeBufferPointer<UInt16>) {
        for id in text { occurs[Int(id)] = true }
    }

    /// Adds all characters that can be drawn, which are all but `[UNK]`.
    func insertAll() { for id in 1..<occurs.count { occurs[id] = true } }

    /// Returns the row of a character that occurs.
    func row(of id: Int) -> UInt16 { rows[id] }

    /// Numbers the characters after all are inserted.
    ///
    /// - Throws: `DTrainError` with `usage` if there are more than `capacity`.
    func number() throws {
        count = 0
        for id in 0..<occurs.count where occurs[id] {
            guard count < capacity else {
                throw DTrainError(
                    .usage,
                    "a batch longer than the trainer's sequence length has more than \(capacity) different characters; "
                        + "create the trainer with the longest sequence length")
            }
            ids[count] = UInt16(truncatingIfNeeded: id)
            rows[id] = UInt16(truncatingIfNeeded: count)
            count += 1
        }
    }

    /// Replaces ids by rows, in place.
    func replaceByRows(_ text: UnsafeMutableBufferPointer<UInt16>) {
        for index in text.indices { text[index] = rows[Int(text[index])] }
    }
}
