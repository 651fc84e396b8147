import DTrainCore

/// A sum by the MPI library's own allreduce, in the library's order; for comparison.
final class LibrarySum {
    private let shares: GradientShares

    init(_ shares: GradientShares) { self.shares = shares }

    /// Replaces this rank's nodes by the sum over all ranks, from the front; collective.
    ///
    /// - Returns: the trailers of all ranks, in rank order.
    func reduce(
        _ nodes: UnsafeMutablePointer<Float>, trailer: RankTrailer, _ communicator: any Communicator
    ) throws -> [RankTrailer] {
        addNodes(nodes)
        try communicator.allReduceSum(
            inPlace: UnsafeMutableBufferPointer(start: nodes, count: shares.blocks.count))
        return try communicator.allGather(trailer)
    }

    /// Adds up this rank's nodes into wire order; a single node is in that order already.
    private func addNodes(_ nodes: UnsafeMutablePointer<Float>) {
        let (blocks, count) = (shares.blocks, shares.ownNodes)
        if count == 0 { nodes.update(repeating: 0, count: blocks.count) }
        guard count > 1 else { return }
        // From the front, so a part's sum overwrites only nodes that are added up already.
        for block in 0..<blocks.blockCount {
            for rank in 0..<shares.ranks {
                let part = blocks.part(of: block, rank: rank)
                let first = nodes + blocks.offset(of: part, node: 0, nodes: count)
                for node in 1..<count { add(first + node * part.count, to: first, count: part.count) }
                (nodes + part.lowerBound).update(from: first, count: part.count)
            }
        }
    }
}
