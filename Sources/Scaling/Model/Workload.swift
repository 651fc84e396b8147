import DTrainCore

/// The sizes of a step that affect its time.
public struct Workload: Hashable, Sendable, Codable {
    /// The algorithm of the gradient exchange, which determines its traffic.
    public enum Exchange: String, Hashable, Sendable, Codable {
        /// Each rank sends all of its tree nodes, then the sums.
        case tree
        /// Each rank sends one vector, then the sums, in 16 bits.
        case compressed
        /// The MPI library's allreduce, modeled as a ring.
        case library
    }

    /// Sequences over all ranks.
    public let batchSize: Int
    /// Sequences per micro-batch, which is never divided.
    public let microBatchSize: Int
    /// Characters per sequence.
    public let sequenceLength: Int
    /// Bytes of the gradient that the ranks reduce.
    public let gradientBytes: Int
    /// The algorithm of the exchange.
    public let exchange: Exchange

    /// Creates the sizes of a step.
    public init(
        batchSize: Int, microBatchSize: Int, sequenceLength: Int, gradientBytes: Int, exchange: Exchange = .tree
    ) {
        self.exchange = exchange
        (self.batchSize, self.microBatchSize) = (max(1, batchSize), max(1, microBatchSize))
        (self.sequenceLength, self.gradientBytes) = (max(1, sequenceLength), max(0, gradientBytes))
    }

    /// Tokens per step.
    public var tokens: Double { Double(batchSize) * Double(sequenceLength) }
    /// Micro-batches per step; further ranks are idle.
    public var microBatches: Int { (batchSize + microBatchSize - 1) / microBatchSize }

    /// Sequences of the busiest rank.
    public func rows(ranks: Int) -> Int {
        let most = Partition.balanced(count: microBatches, parts: ranks).map(\.count).max() ?? 0
        return min(batchSize, most * microBatchSize)
    }

    /// The busiest rank's sequences per thread; a fraction where threads share the units of one
    /// sequence.
    public func rows(_ layout: Layout) -> Double { Double(rows(ranks: layout.ranks)) / Double(layout.threads) }

    /// The traffic of the exchange.
    public func traffic(ranks: Int) -> Traffic { Traffic(self, ranks: ranks) }

    /// A copy with another batch size.
    func with(batchSize: Int) -> Workload {
        Workload(
            batchSize: batchSize, microBatchSize: microBatchSize, sequenceLength: sequenceLength,
            gradientBytes: gradientBytes, exchange: exchange)
    }
}

/// The traffic of one step's exchange: ranges of all vectors go to their owners, then the sums go
/// to all ranks.
public struct Traffic: Hashable, Sendable {
    /// Sequential messages of one rank.
    public let messages: Double
    /// Bytes sent or received by the busiest rank, whichever is more.
    public let bytesPerRank: Double
    /// Bytes sent by all ranks.
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

    /// The number of gradient-length vectors that each rank sends.
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
