import DTrainCore

/// All ranks' contributions to a step's gradient, from the point of view of one rank.
struct GradientShares {
    let blocks: GradientBlocks
    let rank: Int
    /// The number of nodes of each rank.
    let nodeCounts: [Int]
    /// The additions that combine all ranks' nodes into the root; the sum ends up in the first
    /// node.
    let additions: [ReductionTree.Addition]

    init(tree: ReductionTree, runs: [Range<Int>], blocks: GradientBlocks, rank: Int) {
        self.blocks = blocks
        self.rank = rank
        nodeCounts = runs.map { tree.canonicalNodes(of: $0).count }
        additions = tree.mergePlan(of: runs).additions
    }

    var ranks: Int { nodeCounts.count }
    var ownNodes: Int { nodeCounts[rank] }

    /// Plans the exchange of all blocks.
    ///
    /// The trailers are sent with the block that is gathered last, because a rank's trailer is
    /// complete only after its gradient is computed.
    ///
    /// - Returns: a plan for each block, and the number of elements of the staging buffer.
    /// - Throws: `DTrainError` with `usage` if an exchange is too large for MPI.
    func plans(_ format: WireFormat) throws -> (blocks: [BlockPlan], stagingCount: Int) {
        var staged = 0
        let plans = try (0..<blocks.blockCount).map { block in
            let plan = try plan(
                block, format, stagingStart: staged, carriesTrailers: block == blocks.blockCount - 1)
            let others = nodeCounts.indices.filter { $0 != rank }
            staged += plan.ownPart.count * others.reduce(0) { $0 + format.vectors(nodes: nodeCounts[$1]) }
            return plan
        }
        return (plans, staged)
    }

    private func plan(
        _ block: Int, _ format: WireFormat, stagingStart: Int, carriesTrailers: Bool
    ) throws -> BlockPlan {
        let elements = blocks.elements(of: block)
        let parts = (0..<ranks).map { blocks.part(of: block, rank: $0) }
        let own = parts[rank]
        let sentBytes = format.vectors(nodes: ownNodes) * format.elementBytes
        let trailerLength = carriesTrailers ? format.trailerLength : 0
        return BlockPlan(
            elements: elements, parts: parts, ownPart: own,
            sent: try RankBlocks(
                parts.enumerated().map { peer, part in
                    let start = (part.lowerBound - elements.lowerBound) * sentBytes
                    return start..<start + (peer == rank ? 0 : part.count * sentBytes)
                }),
            received: try RankBlocks(
                counts: nodeCounts.enumerated().map { peer, nodes in
                    peer == rank ? 0 : own.count * format.vectors(nodes: nodes) * format.elementBytes
                }),
            stagingStart: stagingStart,
            gathered: try RankBlocks(counts: parts.map { ($0.count + trailerLength) * format.elementBytes }),
            gatheredStart: own.lowerBound - elements.lowerBound + rank * trailerLength,
            trailers: carriesTrailers
                ? TrailerLayout(behind: parts, from: elements.lowerBound, length: trailerLength) : nil)
    }
}
