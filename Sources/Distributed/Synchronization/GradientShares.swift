import DTrainCore

/// Who contributes what to a step's gradient, seen from one rank.
struct GradientShares {
    let blocks: GradientBlocks
    let rank: Int
    /// Nodes of each rank.
    let nodeCounts: [Int]
    /// The additions that make the root of all ranks' nodes; its sum ends in the first node's place.
    let additions: [ReductionTree.Addition]

    init(tree: ReductionTree, runs: [Range<Int>], blocks: GradientBlocks, rank: Int) {
        self.blocks = blocks
        self.rank = rank
        nodeCounts = runs.map { tree.canonicalNodes(of: $0).count }
        additions = tree.mergePlan(of: runs).additions
    }

    var ranks: Int { nodeCounts.count }
    var ownNodes: Int { nodeCounts[rank] }
    var lastBlock: Int { blocks.blockCount - 1 }

    /// The elements of a block that this rank adds up, in wire order.
    func ownPart(of block: Int) -> Range<Int> { blocks.part(of: block, rank: rank) }

    /// The bytes of an exchange.
    ///
    /// - Parameters:
    ///   - size: bytes of an element.
    ///   - vectors: how many vectors a rank with that many nodes sends.
    /// - Returns: what this rank sends, from where the block's first part begins, and what it receives, without a gap.
    ///   Its own part stays where it is.
    func exchange(
        of block: Int, size: Int, vectors: (_ nodes: Int) -> Int
    ) throws -> (sent: RankBlocks, received: RankBlocks) {
        let first = blocks.elements(of: block).lowerBound
        let (parts, own) = ((0..<ranks).map { blocks.part(of: block, rank: $0) }, vectors(ownNodes) * size)
        return (
            sent: try RankBlocks(
                counts: parts.indices.map { $0 == rank ? 0 : parts[$0].count * own },
                displacements: parts.map { ($0.lowerBound - first) * own }),
            received: try RankBlocks(
                counts: nodeCounts.indices.map {
                    $0 == rank ? 0 : parts[rank].count * vectors(nodeCounts[$0]) * size
                })
        )
    }

    /// The bytes of a gathering; in the last block each part is followed by its rank's trailer.
    func gathering(of block: Int, size: Int, trailer: Int) throws -> RankBlocks {
        let parts = (0..<ranks).map { blocks.part(of: block, rank: $0).count }
        return try RankBlocks(counts: parts.map { ($0 + (block == lastBlock ? trailer : 0)) * size })
    }

    /// Closes the gaps that the trailers leave in the last block.
    func removeTrailers<Element>(_ elements: UnsafeMutablePointer<Element>, trailer: Int) {
        let first = blocks.elements(of: lastBlock).lowerBound
        for rank in 0..<ranks {
            let part = blocks.part(of: lastBlock, rank: rank)
            let place = elements + (part.lowerBound - first)
            place.update(from: place + rank * trailer, count: part.count)
        }
    }

    /// Where a rank's trailer begins in the gathered last block.
    func trailerOffset(of rank: Int, trailer: Int) -> Int {
        blocks.part(of: lastBlock, rank: rank).upperBound - blocks.elements(of: lastBlock).lowerBound + rank * trailer
    }
}
