/// The contiguous range of a step's micro-batches that one rank computes.
///
/// All micro-batches have the same size, except that the last of the batch may be smaller. Rows are
/// the rank's sequences in order. Values per token are ordered by micro-batch, then by time, then
/// by sequence, so a micro-batch's tokens are contiguous.
package struct RankBatch: Hashable, Sendable {
    /// T, the number of tokens per sequence.
    package let sequenceLength: Int
    /// The number of sequences in a full micro-batch.
    package let microBatchSize: Int
    /// The indices of the rank's micro-batches within the step.
    package let microBatches: Range<Int>
    /// The rank's sequences within the step's global batch.
    package let sequences: Range<Int>
    /// The number of sequences in the global batch.
    package let batchSize: Int

    /// Returns the number of micro-batches in a global batch.
    package static func microBatchCount(batchSize: Int, microBatchSize: Int) -> Int {
        (batchSize + microBatchSize - 1) / microBatchSize
    }

    /// Creates a range of micro-batches.
    package init(batchSize: Int, microBatchSize: Int, sequenceLength: Int, microBatches: Range<Int>) {
        self.batchSize = batchSize
        self.sequenceLength = sequenceLength
        self.microBatchSize = microBatchSize
        self.microBatches = microBatches
        sequences =
            min(
                batchSize, microBatches.lowerBound * microBatchSize)..<min(
                batchSize, microBatches.upperBound * microBatchSize)
    }

    /// Returns the same micro-batches with sequences of another length.
    func with(sequenceLength: Int) -> RankBatch {
        RankBatch(
            batchSize: batchSize, microBatchSize: microBatchSize, sequenceLength: sequenceLength,
            microBatches: microBatches)
    }

    /// The number of the rank's sequences.
    var rows: Int { sequences.count }
    /// The number of the rank's tokens.
    var tokens: Int { rows * sequenceLength }

    /// The number of the rank's micro-batches; the methods below number them from 0.
    var count: Int { microBatches.count }

    /// The factor from a sum over all tokens of the global batch to their mean.
    var lossScale: Float { 1 / Float(batchSize * sequenceLength) }

    /// Returns the rows of a micro-batch.
    func rows(of microBatch: Int) -> Range<Int> {
        microBatch * microBatchSize..<min(rows, (microBatch + 1) * microBatchSize)
    }

    /// Returns the number of a micro-batch's tokens and of the tokens before it.
    func tokens(of microBatch: Int) -> (count: Int, before: Int) {
        let rows = rows(of: microBatch)
        return (rows.count * sequenceLength, rows.lowerBound * sequenceLength)
    }

    /// Returns the number of states before a micro-batch's first state, which precedes its first
    /// token.
    func firstState(of microBatch: Int) -> Int { rows(of: microBatch).lowerBound * (sequenceLength + 1) }

    /// Returns the number of states before a micro-batch's first state that follows a token.
    func firstStateAfterToken(of microBatch: Int) -> Int {
        let rows = rows(of: microBatch)
        return rows.lowerBound * (sequenceLength + 1) + rows.count
    }

    /// Returns the offsets of a row's tokens.
    func offsets(of row: Int) -> RowOffsets {
        let microBatch = row / microBatchSize
        let rows = rows(of: microBatch)
        return RowOffsets(
            firstToken: rows.lowerBound * sequenceLength, firstState: rows.lowerBound * (sequenceLength + 1),
            tokens: rows.count * sequenceLength, stride: rows.count, index: row - rows.lowerBound)
    }
}

/// The offsets of one row's tokens within its micro-batch.
struct RowOffsets {
    /// The number of tokens before the micro-batch.
    let firstToken: Int
    /// The number of states before the micro-batch; a sequence has one more state than tokens.
    let firstState: Int
    /// The number of tokens in the micro-batch.
    let tokens: Int
    /// The number of sequences in the micro-batch, which is the distance between a row's successive
    /// tokens.
    let stride: Int
    /// The index of the row within the micro-batch.
    let index: Int

    /// Returns the index within the micro-batch of the row's token at `time`.
    func token(_ time: Int) -> Int { time * stride + index }
}
