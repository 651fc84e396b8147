import DTrainCore

/// A step's sizes, as far as its time depends on them.
public struct Workload: Hashable, Sendable, Codable {
    /// How the gradients travel, which decides how much does.
    public enum Exchange: String, Hashable, Sendable, Codable {
        /// All nodes of the tree that a rank has, then the sums.
        case tree
        /// One vector of each rank, then the sums, in 16 bits.
        case compressed
        /// As the MPI library sees fit: taken for a ring allreduce.
        case library
    }

    /// Sequences over all ranks.
    public let batchSize: Int
    /// Sequences of a micro-batch, which is never divided.
    public let microBatchSize: Int
    /// Characters of a sequence.
    public let sequenceLength: Int
    /// Bytes of the gradient that the ranks add up.
    public let gradientBytes: Int
    /// How it travels.
    public let exchange: Exchange

    /// A step's sizes.
    public init(
        batchSize: Int, microBatchSize: Int, sequenceLength: Int, gradientBytes: Int, exchange: Exchange = .tree
    ) {
        self.exchange = exchange
        (self.batchSize, self.microBatchSize) = (max(1, batchSize), max(1, microBatchSize))
        (self.sequenceLength, self.gradientBytes) = (max(1, sequenceLength), max(0, gradientBytes))
    }

    /// Tokens of a step.
    public var tokens: Double { Double(batchSize) * Double(sequenceLength) }
    /// Micro-batches of a step: more ranks than that leave some without work.
    public var microBatches: Int { (batchSize + microBatchSize - 1) / microBatchSize }

    /// Sequences of the busiest rank.
    public func rows(ranks: Int) -> Int {
        let most = Partition.balanced(count: microBatches, parts: ranks).map(\.count).max() ?? 0
        return min(batchSize, most * microBatchSize)
    }

    /// The busiest rank's sequences by its threads: a fraction where threads share the units of one sequence.
    public func rows(_ layout: Layout) -> Double { Double(rows(ranks: layout.ranks)) / Double(layout.threads) }

    /// What the exchange moves.
    public func traffic(ranks: Int) -> Traffic { Traffic(self, ranks: ranks) }

    /// The same with another batch.
    func with(batchSize: Int) -> Workload {
        Workload(
            batchSize: batchSize, microBatchSize: microBatchSize, sequenceLength: sequenceLength,
            gradientBytes: gradientBytes, exchange: exchange)
    }
}

/// What an exchange moves in a step: the ranges of all vectors to their owners, then the sums to all ranks.
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
        let vectors = Self.vectors(workload, ranks: ranks)
        let all = vectors.reduce(0, +)
        let share = Double(workload.gradientBytes) * (workload.exchange == .compressed ? 0.5 : 1) / Double(ranks)
        let others = Double(ranks - 1)
        let busiest = vectors.map { max($0 * others * share, (all - $0) * share) }.max() ?? 0
        let gathered = others * share
        messages = 2 * others
        bytesPerRank = busiest + gathered
        bytes = all * others * share + Double(ranks) * gathered
    }

    /// How many vectors of the gradient's length each rank sends.
    private static func vectors(_ workload: Workload, ranks: Int) -> [Double] {
        let tree = ReductionTree(leafCount: workload.microBatches)
        return Partition.balanced(count: workload.microBatches, parts: ranks).map { run in
            switch workload.exchange {
            case .tree: run.isEmpty ? 0 : Double(tree.canonicalNodes(of: run).count)
            case .compressed: run.isEmpty ? 0 : 1
            case .library: 1
            }
        }
    }
}
