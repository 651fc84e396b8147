import Core

/// A step's sizes, as far as its time depends on them.
public struct Workload: Hashable, Sendable, Codable {
    /// Sequences over all ranks.
    public let batchSize: Int
    /// Sequences of a micro-batch, which is never divided.
    public let microBatchSize: Int
    /// Characters of a sequence.
    public let sequenceLength: Int
    /// Bytes of the gradient that the ranks add up.
    public let gradientBytes: Int

    /// A step's sizes.
    public init(batchSize: Int, microBatchSize: Int, sequenceLength: Int, gradientBytes: Int) {
        (self.batchSize, self.microBatchSize) = (max(1, batchSize), max(1, microBatchSize))
        (self.sequenceLength, self.gradientBytes) = (max(1, sequenceLength), max(0, gradientBytes))
    }

    /// Tokens of a step.
    public var tokens: Double { Double(batchSize) * Double(sequenceLength) }
    /// Micro-batches of a step: more ranks than that leave some without work.
    public var microBatches: Int { (batchSize + microBatchSize - 1) / microBatchSize }

    /// Sequences of the busiest rank.
    public func rows(ranks: Int) -> Int {
        let most = ReductionTree.partition(count: microBatches, parts: ranks).map(\.count).max() ?? 0
        return min(batchSize, most * microBatchSize)
    }

    /// Sequences of the busiest worker.
    public func rows(_ layout: Layout) -> Double {
        Double((rows(ranks: layout.ranks) + layout.threads - 1) / layout.threads)
    }

    /// What the exchange moves.
    public func traffic(ranks: Int) -> Traffic { Traffic(self, ranks: ranks) }

    /// The same with another batch.
    func with(batchSize: Int) -> Workload {
        Workload(
            batchSize: batchSize, microBatchSize: microBatchSize, sequenceLength: sequenceLength,
            gradientBytes: gradientBytes)
    }
}

/// What dtrain's exchange moves in a step: the ranges of all tree nodes to their owners, then the sums to all ranks.
public struct Traffic: Hashable, Sendable {
    /// Messages that one rank sends, one after the other.
    public let messages: Double
    /// Bytes that the busiest rank sends or receives, whichever is more.
    public let bytesPerRank: Double
    /// Bytes that all ranks send.
    public let bytes: Double

    init(_ workload: Workload, ranks: Int) {
        guard ranks > 1 else {
            (messages, bytesPerRank, bytes) = (0, 0, 0)
            return
        }
        let tree = ReductionTree(leafCount: workload.microBatches)
        let nodes = ReductionTree.partition(count: workload.microBatches, parts: ranks)
            .map { Double($0.isEmpty ? 0 : tree.canonicalNodes(of: $0).count) }
        let all = nodes.reduce(0, +)
        let (count, gradient) = (Double(ranks), Double(workload.gradientBytes))
        let share = gradient / count
        let busiest = nodes.map { max($0 * (count - 1) * share, (all - $0) * share) }.max() ?? 0
        let gathered = (count - 1) * share
        messages = 2 * (count - 1)
        bytesPerRank = busiest + gathered
        bytes = all * (count - 1) * share + count * gathered
    }
}
