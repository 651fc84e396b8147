import DTrainCore

/// Adds up the gradients of a step over all ranks.
///
/// A rank's gradient consists of a few nodes of the reduction tree (see `ReductionTree`). All ranks
/// receive the root's sum, block by block (see `GradientBlocks`):
///
/// 1. A block's elements are divided into a part for each rank. Each rank sends every other rank
///    that rank's part of all its nodes.
/// 2. Each rank adds up the nodes of its part along the tree.
/// 3. The parts are gathered on all ranks.
///
/// The traffic is that of a ring allreduce. The order of the additions is the tree's, for any
/// number of ranks. The exchange of a block overlaps the computation of the next ones if
/// `Reduction.advance` is called regularly.
package final class GradientSynchronizer {
    /// The way to compute the sum.
    enum Method {
        /// With a single rank, whose only node is the sum already.
        case alone
        case blocks(BlockPipeline)
        case library(LibrarySum)
    }

    /// This rank's nodes; may be empty if there are fewer micro-batches than ranks.
    package let ownNodes: [ReductionTree.Node]

    let communicator: any Communicator
    let method: Method
    /// Whether a reduction is in progress.
    var isReducing = false
    /// The end of the last reduction, or the start of the first one, in `Clock.seconds`.
    var computingSince: Double?

    /// Allocates all buffers for a reduction.
    ///
    /// - Parameters:
    ///   - communicator: the ranks.
    ///   - tree: the tree over a step's micro-batches.
    ///   - runs: the micro-batches of each rank: contiguous runs in rank order that cover the tree.
    ///   - blocks: the blocks of the gradient, for the same number of ranks.
    ///   - mode: the order of the additions: along the tree, or the MPI library's.
    ///   - compression: the representation of gradients sent along the tree. The loss is never
    ///     compressed.
    /// - Throws: `DTrainError` if the exchange is too large for MPI or for memory.
    package init(
        communicator: any Communicator, tree: ReductionTree, runs: [Range<Int>], blocks: GradientBlocks,
        mode: GradientSummation = .tree, compression: GradientCompression = .none
    ) throws {
        precondition(runs.count == communicator.size && blocks.ranks == runs.count, "a run for each rank")
        precondition(runs.reduce(0) { $0 + $1.count } == tree.leafCount, "the runs cover the tree")
        precondition(mode == .tree || compression == .none, "compression needs the tree")
        self.communicator = communicator
        ownNodes = tree.canonicalNodes(of: runs[communicator.rank])
        let shares = GradientShares(tree: tree, runs: runs, blocks: blocks, rank: communicator.rank)
        method =
            switch (mode, compression) {
            case _ where runs.count == 1: .alone
            case (.library, _): .library(LibrarySum(shares))
            case (.tree, .none): .blocks(BlockPipeline(try TreeSum(shares, communicator: communicator)))
            case (.tree, .bf16): .blocks(BlockPipeline(try CompressedSum(shares, communicator: communicator)))
            }
    }

    /// Starts the reduction of a gradient that is still to be computed.
    ///
    /// - Parameter nodes: the buffer for this rank's nodes, laid out as `GradientBlocks` describes,
    ///   with room for at least one node; it must outlive the reduction. The sum replaces the
    ///   nodes, from the front.
    /// - Throws: `DTrainError` with `internal` if the last reduction isn't finished.
    package func begin(nodes: UnsafeMutablePointer<Float>) throws -> Reduction {
        guard !isReducing else {
            throw DTrainError(
                .internal, "a gradient's reduction begins before the last one is finished; please report this")
        }
        isReducing = true
        computingSince = computingSince ?? Clock.seconds
        if case .blocks(let pipeline) = method { pipeline.reset() }
        return Reduction(self, nodes: nodes)
    }
}
