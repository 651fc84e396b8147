import DTrainCore

/// Adds up the gradients of a step over all ranks.
///
/// A rank's gradient comes as the sums of a few nodes of the reduction tree (see `ReductionTree`). All ranks get the sum
/// of the root, block by block (see `GradientBlocks`):
///
/// 1. a block's elements are divided among the ranks, and each sends every owner its part of all its nodes;
/// 2. the owner adds up the nodes of its part along the tree;
/// 3. the parts are gathered on all ranks.
///
/// That moves as much as a ring allreduce, and the order of the additions is the tree's, whatever the number of ranks.
/// A block travels while the next is computed, if `advance` is called now and then.
public final class GradientSynchronizer {
    /// Where the seconds of the last reduction went.
    public struct Times: Hashable, Sendable {
        /// Between the products of the gradient, in `advance`.
        public var interleaved = 0.0
        /// In `finish`.
        public var finishing = 0.0
        /// The part of `finishing` until the last rank had computed its gradient.
        ///
        /// Each rank tells with its gradient how long ago the last reduction ended, which was at about the same time on
        /// all of them. A barrier would tell the same only where its messages don't queue behind the gradient's.
        public var waiting = 0.0
        /// While blocks travelled and this rank computed.
        public var hidden = 0.0
    }

    /// The nodes that this rank contributes; none where there are fewer micro-batches than ranks.
    public let ownNodes: [ReductionTree.Node]
    /// What this rank tells the others with its next gradient, set before `finish` or `reduce`; it travels with the
    /// sums, with `library` after them.
    public var note: UInt32 = 0
    /// All ranks' notes, in rank order, as they were when the last gradient was reduced.
    public var notes: [UInt32] { rankNotes.map(\.value) }
    /// Where the time of the last reduction went.
    public private(set) var times = Times()

    private var rankNotes: [RankTrailer]
    /// When the last reduction ended, or the first began.
    private var computingSince: Double?
    private let communicator: any Communicator
    private let blocks: GradientBlocks
    private let pipeline: BlockPipeline?
    private let library: LibrarySum?
    private var nodes: UnsafeMutablePointer<Float>?

    /// Prepares everything that a reduction needs.
    ///
    /// - Parameters:
    ///   - communicator: the ranks.
    ///   - tree: the tree over a step's micro-batches.
    ///   - runs: each rank's micro-batches: contiguous runs in rank order that cover the tree.
    ///   - blocks: how the gradient travels; for that number of ranks.
    ///   - mode: who adds, and in which order.
    ///   - compression: how the elements travel along the tree. The last element, the loss, is never compressed.
    /// - Throws: `DTrainError` when the exchange is too large for MPI or for memory.
    public init(
        communicator: any Communicator, tree: ReductionTree, runs: [Range<Int>], blocks: GradientBlocks,
        mode: GradientSummation = .tree, compression: GradientCompression = .none
    ) throws {
        precondition(runs.count == communicator.size && blocks.ranks == runs.count, "a run for each rank")
        precondition(runs.reduce(0) { $0 + $1.count } == tree.leafCount, "the runs cover the tree")
        precondition(mode == .tree || compression == .none, "only what goes along the tree is compressed")
        self.communicator = communicator
        self.blocks = blocks
        ownNodes = tree.canonicalNodes(of: runs[communicator.rank])
        rankNotes = Array(repeating: RankTrailer(), count: runs.count)
        let shares = GradientShares(tree: tree, runs: runs, blocks: blocks, rank: communicator.rank)
        library = runs.count > 1 && mode == .library ? LibrarySum(shares) : nil
        guard runs.count > 1, mode == .tree else {
            pipeline = nil
            return
        }
        pipeline = BlockPipeline(
            compression == .none
                ? try TreeSum(shares, communicator: communicator)
                : try CompressedSum(shares, communicator: communicator), count: blocks.blockCount)
    }

    /// Begins the reduction of a gradient that is still to be computed.
    ///
    /// - Parameter nodes: where this rank's nodes will be, as `blocks` lays them out, and at least room for one. The sum takes their
    ///   place, from the front. With one rank the node is the sum, and nothing is to do.
    public func begin(nodes: UnsafeMutablePointer<Float>) {
        self.nodes = nodes
        times = Times()
        computingSince = computingSince ?? Clock.seconds
        pipeline?.begin(nodes: nodes)
    }

    /// Lets the blocks that are finished travel, and goes on with those under way; waits for nobody.
    ///
    /// Not collective. Called on the communicator's thread, the more often the better.
    ///
    /// - Parameter finished: the number of leading blocks whose nodes are computed.
    public func advance(finished: Int) throws {
        guard let pipeline else { return }
        let start = Clock.seconds
        // The last gathering takes the note along.
        _ = try pipeline.advance(finished: finished, gatherings: blocks.blockCount - 1)
        times.interleaved += Clock.seconds - start
    }

    /// Ends the reduction when all nodes are computed.
    ///
    /// Collective.
    public func finish() throws {
        let start = Clock.seconds
        let own = RankTrailer(value: note, seconds: start - (computingSince ?? start))
        if let pipeline {
            pipeline.note = own
            times.hidden = max(0, pipeline.busySeconds - times.interleaved)
            try finish(pipeline)
            rankNotes = pipeline.notes
        } else if let library {
            guard let nodes else { preconditionFailure("begin comes before finish") }
            rankNotes = try library.reduce(nodes, note: own, communicator)
        } else {
            rankNotes[0] = own
        }
        let end = Clock.seconds
        computingSince = end
        times.finishing = end - start
        let longest = rankNotes.lazy.map(\.microseconds).max() ?? own.microseconds
        times.waiting = min(times.finishing, Double(longest - own.microseconds) * 1e-6)
    }

    /// Computes the sum of all ranks' nodes, on every rank; collective, and `begin` and `finish` in one.
    public func reduce(nodes: UnsafeMutablePointer<Float>) throws {
        begin(nodes: nodes)
        try finish()
    }

    private func finish(_ pipeline: BlockPipeline) throws {
        while !pipeline.isDone {
            // Each wait ends with something new, so that the watch for stalls sees how it goes on.
            try communicator.wait(for: pipeline.current) {
                try pipeline.advance(finished: blocks.blockCount, gatherings: blocks.blockCount)
            }
        }
    }
}
