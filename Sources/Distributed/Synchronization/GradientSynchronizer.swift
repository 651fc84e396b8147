import Core

/// Adds up the gradients of a step over all ranks.
///
/// A rank's gradient comes as the sums of a few nodes of the reduction tree (see `ReductionTree`), flat vectors of n
/// floats one after the other. All ranks get the sum of the root:
///
/// 1. the n elements are divided among the ranks, and each sends every owner its range of all its nodes;
/// 2. the owner adds up the nodes of its range along the tree;
/// 3. the ranges are gathered on all ranks.
///
/// That moves as much as a ring allreduce, and the order of the additions is the tree's, whatever the number of ranks.
public final class GradientSynchronizer {
    /// Who adds, and in which order.
    public enum Mode: String, Hashable, Sendable, CaseIterable {
        /// Along the tree: the same bits for any number of ranks.
        case tree
        /// `MPI_Allreduce` after this rank's nodes are added up: the bits depend on the number of ranks and the
        /// library.
        case library
    }

    /// n, the elements of a gradient.
    public let count: Int
    /// The nodes that this rank contributes; none where there are fewer micro-batches than ranks.
    public let ownNodes: [ReductionTree.Node]
    /// The node vectors that the buffer given to `reduce` holds: one for each own node, and at least one.
    public var vectorCount: Int { max(1, ownNodes.count) }

    /// What this rank has to tell the others with the next reduction.
    public var note: UInt32 = 0
    /// All ranks' notes in rank order, as of the last reduction.
    public private(set) var notes: [UInt32]

    private let communicator: any Communicator
    private let mode: Mode
    private let plan: ExchangePlan

    /// Prepares everything that `reduce` needs; it allocates nothing itself.
    ///
    /// - Parameters:
    ///   - communicator: the ranks.
    ///   - tree: the tree over a step's micro-batches.
    ///   - runs: each rank's micro-batches: contiguous runs in rank order that cover the tree.
    ///   - count: the elements of a gradient.
    ///   - mode: who adds, and in which order.
    /// - Throws: `DTrainError` when the exchange is too large for MPI or for memory.
    public init(
        communicator: any Communicator, tree: ReductionTree, runs: [Range<Int>], count: Int, mode: Mode = .tree
    ) throws {
        precondition(runs.count == communicator.size, "a run for each rank")
        precondition(runs.reduce(0) { $0 + $1.count } == tree.leafCount, "the runs cover the tree")
        self.communicator = communicator
        self.mode = mode
        self.count = count
        notes = Array(repeating: 0, count: communicator.size)
        ownNodes = tree.canonicalNodes(of: runs[communicator.rank])
        plan = try ExchangePlan(
            tree: tree, runs: runs, count: count, rank: communicator.rank, isNeeded: mode == .tree && runs.count > 1)
    }

    /// Computes the sum of all ranks' nodes, on every rank.
    ///
    /// Collective. `result` may be `nodes` itself; then a single process has nothing to do at all.
    ///
    /// - Parameters:
    ///   - nodes: this rank's node vectors, `vectorCount` × n floats; used up by the call.
    ///   - result: n floats.
    public func reduce(nodes: UnsafeMutablePointer<Float>, into result: UnsafeMutablePointer<Float>) throws {
        if communicator.size == 1 {
            // One rank's run is the whole tree: one node, the root.
            if result != nodes { result.update(from: nodes, count: count) }
            notes = [note]
            return
        }
        switch mode {
        case .tree:
            try plan.exchange(nodes, communicator)
            plan.addUp(into: result)
            try communicator.allGather(inPlace: result, plan.ranges)
        case .library:
            if ownNodes.isEmpty {
                result.update(repeating: 0, count: count)
            } else {
                for node in 1..<vectorCount { add(nodes + node * count, to: nodes, count: count) }
                if result != nodes { result.update(from: nodes, count: count) }
            }
            try communicator.allReduceSum(inPlace: UnsafeMutableBufferPointer(start: result, count: count))
        }
        notes = try communicator.allGather(note)
    }
}

/// Buffers and counts of the exchange, prepared once.
private struct ExchangePlan {
    /// Each rank's element range.
    let ranges: RankBlocks
    private let ownRange: Range<Int>
    private let vectorLength: Int
    /// In round *j* every rank that has a j-th node sends it: so nodes travel from where they are, without packing.
    private let rounds: [(sent: RankBlocks, received: RankBlocks)]
    /// This rank's range of all nodes, in tree order.
    private let staging: AlignedBuffer<Float>
    private let additions: [ReductionTree.Addition]

    /// Elements that a pass over all nodes takes at once, so that they stay in the cache between additions.
    private static let strip = 2048

    init(tree: ReductionTree, runs: [Range<Int>], count: Int, rank: Int, isNeeded: Bool) throws {
        let parts = Self.split(count, parts: runs.count)
        ranges = try RankBlocks(counts: parts.map(\.count))
        ownRange = parts[rank]
        vectorLength = count
        let nodeCounts = runs.map { tree.canonicalNodes(of: $0).count }
        let most = isNeeded ? nodeCounts.max() ?? 0 : 0
        let firstNodes = nodeCounts.indices.map { nodeCounts[..<$0].reduce(0, +) }
        let own = parts[rank].count
        rounds = try (0..<most).map { round in
            (
                sent: try RankBlocks(
                    counts: parts.map { round < nodeCounts[rank] ? $0.count : 0 },
                    displacements: parts.map(\.lowerBound)),
                received: try RankBlocks(
                    counts: nodeCounts.map { round < $0 ? own : 0 },
                    displacements: zip(firstNodes, nodeCounts).map { round < $1 ? ($0 + round) * own : 0 })
            )
        }
        staging = try AlignedBuffer(count: isNeeded ? nodeCounts.reduce(0, +) * own : 0)
        additions = tree.mergePlan(of: runs).additions
    }

    /// Balanced ranges that begin on whole cache lines.
    private static func split(_ count: Int, parts: Int) -> [Range<Int>] {
        ReductionTree.partition(count: (count + 15) / 16, parts: parts).map {
            min($0.lowerBound * 16, count)..<min($0.upperBound * 16, count)
        }
    }

    /// Fills the staging buffer.
    func exchange(_ nodes: UnsafeMutablePointer<Float>, _ communicator: any Communicator) throws {
        for (index, round) in rounds.enumerated() {
            // A rank without a node in this round sends nothing, from an address that is valid all the same.
            let isOwn = round.sent.counts.contains { $0 > 0 }
            let source = isOwn ? nodes + index * vectorLength : nodes
            try communicator.allToAll(source, round.sent, into: staging.pointer, round.received)
        }
    }

    /// Adds up this rank's range along the tree.
    func addUp(into result: UnsafeMutablePointer<Float>) {
        let length = ownRange.count
        var start = 0
        while start < length {
            let count = min(Self.strip, length - start)
            let base = staging.pointer + start
            for addition in additions {
                add(base + addition.source * length, to: base + addition.target * length, count: count)
            }
            // The root's sum ends in the first node's place.
            (result + ownRange.lowerBound + start).update(from: base, count: count)
            start += count
        }
    }
}
