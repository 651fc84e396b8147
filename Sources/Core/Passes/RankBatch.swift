/// The micro-batches of a step that one rank computes: a contiguous run, all of the same size but perhaps the last of the batch.
///
/// Rows are the rank's sequences in order. What is kept for every token lies micro-batch by micro-batch, inside one by time and
/// then by sequence, so that a micro-batch's tokens are contiguous.
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

    var rows: Int { sequences.count }
    var tokens: Int { rows * sequenceLength }

    /// The rank's own count of micro-batches; they are numbered from 0 below.
    var count: Int { microBatches.count }

    /// The rows of a micro-batch.
    func rows(of microBatch: Int) -> Range<Int> {
        microBatch * microBatchSize..<min(rows, (microBatch + 1) * microBatchSize)
    }

    /// The tokens of a micro-batch, and the tokens before it.
    func tokens(of microBatch: Int) -> (count: Int, before: Int) {
        let rows = rows(of: microBatch)
        return (rows.count * sequenceLength, rows.lowerBound * sequenceLength)
    }

    /// Where a row's tokens lie.
    func place(of row: Int) -> RowPlace {
        let microBatch = row / microBatchSize
        let rows = rows(of: microBatch)
        return RowPlace(
            firstToken: rows.lowerBound * sequenceLength, firstState: rows.lowerBound * (sequenceLength + 1),
            tokens: rows.count * sequenceLength, stride: rows.count, index: row - rows.lowerBound)
    }
}

/// Where one row's tokens lie within its micro-batch.
struct RowPlace {
    /// Tokens before the micro-batch.
    let firstToken: Int
    /// States before the micro-batch; a sequence has one state more than tokens.
    let firstState: Int
    /// Tokens in the micro-batch.
    let tokens: Int
    /// Sequences in the micro-batch: what lies between a row's token and its next.
    let stride: Int
    /// The row within the micro-batch.
    let index: Int

    /// The token at a time, within the micro-batch.
    func token(_ time: Int) -> Int { time * stride + index }
}
