/// The contiguous run of a step's micro-batches that one rank computes.
///
/// All micro-batches have the same size, except that the last of the batch may be smaller. Rows are
/// the rank's sequences in order. Values kept for every token are ordered by micro-batch, then by
/// time, then by sequence, so a micro-batch's tokens are contiguous.
package struct RankBatch: Hashable, Sendable {
    /// T, the tokens of a sequence.
    package let sequenceLength: Int
    /// Sequences in a whole micro-batch.
    package let microBatchSize: Int
    /// The indices of the rank's micro-batches within the step.
    package let microBatches: Range<Int>
    /// The rank's sequences within the step's global batch.
    package let sequences: Range<Int>
    /// Sequences in the global batch.
    package let batchSize: Int

    /// The number of micro-batches that a global batch is split into.
    package static func microBatchCount(batchSize: Int, microBatchSize: Int) -> Int {
        (batchSize + microBatchSize - 1) / microBatchSize
    }

    /// Describes a run of micro-batches.
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

    /// The same micro-batches with sequences of another length.
    func with(sequenceLength: Int) -> RankBatch {
        RankBatch(
            batchSize: batchSize, microBatchSize: microBatchSize, sequenceLength: sequenceLength,
            microBatches: microBatches)
    }

    /// The number of the rank's sequences.
    var rows: Int { sequences.count }
    /// The number of the rank's tokens.
    var tokens: Int { rows * sequenceLength }

    /// The number of the rank's micro-batches, which the methods below number from 0.
    var count: Int { microBatches.count }

    /// The factor that makes a mean of a sum over all tokens of the global batch.
    var lossScale: Float { 1 / Float(batchSize * sequenceLength) }

    /// The rows of a micro-batch.
    func rows(of microBatch: Int) -> Range<Int> {
        microBatch * microBatchSize..<min(rows, (microBatch + 1) * microBatchSize)
    }

    /// The number of a micro-batch's tokens, and of the tokens before it.
    func tokens(of microBatch: Int) -> (count: Int, before: Int) {
        let rows = rows(of: microBatch)
        return (rows.count * sequenceLength, rows.lowerBound * sequenceLength)
    }

    /// The states before a micro-batch's first state, which is before a token.
    func firstState(of microBatch: Int) -> Int { rows(of: microBatch).lowerBound * (sequenceLength + 1) }

    /// The states before a micro-batch's first state after a token; the state before the first token is none of those.
    func firstStateAfterToken(of microBatch: Int) -> Int {
        let rows = rows(of: microBatch)
        return rows.lowerBound * (sequenceLength + 1) + rows.count
    }

    /// The place of a row's tokens.
    func place(of row: Int) -> RowPlace {
        let microBatch = row / microBatchSize
        let rows = rows(of: microBatch)
        return RowPlace(
            firstToken: rows.lowerBound * sequenceLength, firstState: rows.lowerBound * (sequenceLength + 1),
            tokens: rows.count * sequenceLength, stride: rows.count, index: row - rows.lowerBound)
    }
}

/// The place of one row's tokens within its micro-batch.
struct RowPlace {
    /// Tokens before the micro-batch.
    let firstToken: Int
    /// States before the micro-batch; a sequence has one state more than tokens.
    let firstState: Int
    /// Tokens in the micro-batch.
    let tokens: Int
    /// Sequences in the micro-batch: the distance between a row's successive tokens.
    let stride: Int
    /// The row within the micro-batch.
    let index: Int

    /// The index of the token at a time within the micro-batch.
    func token(_ time: Int) -> Int { time * stride + index }
}
