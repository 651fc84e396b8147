import DTrainCore

/// One rank's plan for the exchange of one block; every rank has a plan for each block.
struct BlockPlan {
    /// The block's elements in wire order.
    let elements: Range<Int>
    /// The elements that each rank adds up, in rank order.
    let parts: [Range<Int>]
    /// The elements that this rank adds up.
    let ownPart: Range<Int>
    /// The bytes that this rank sends, counted from the start of its vectors of the block; none to
    /// itself.
    let sent: RankBlocks
    /// The bytes that this rank receives, without gaps; none from itself.
    let received: RankBlocks
    /// The start of the received elements in the staging buffer.
    let stagingStart: Int
    /// The bytes of the gathered block, including trailers.
    let gathered: RankBlocks
    /// The start of this rank's part in the gathered block.
    let gatheredStart: Int
    /// The positions of the ranks' trailers in the gathered block; nil for a block without
    /// trailers.
    let trailers: TrailerLayout?
}

/// The positions of the ranks' trailers in a gathered block; each trailer follows the part that its
/// rank added up.
struct TrailerLayout {
    private struct Position {
        /// The rank's part in the block without trailers, counted from the start of the block.
        let part: Range<Int>
        /// The number of trailer elements before it.
        let shift: Int
    }

    private let positions: [Position]

    /// Places trailers of `length` elements after the parts of a block that starts at `start` in
    /// wire order.
    init(behind parts: [Range<Int>], from start: Int, length: Int) {
        positions = parts.enumerated().map { rank, part in
            Position(part: part.lowerBound - start..<part.upperBound - start, shift: rank * length)
        }
    }

    /// Returns the start of a rank's trailer in the gathered block.
    func start(of rank: Int) -> Int { positions[rank].part.upperBound + positions[rank].shift }

    /// Moves the parts together, which removes the trailers.
    func remove<Element>(from gathered: UnsafeMutablePointer<Element>) {
        for position in positions {
            let target = gathered + position.part.lowerBound
            target.update(from: target + position.shift, count: position.part.count)
        }
    }
}

/// The representation of all blocks in transit.
struct WireFormat {
    /// The number of bytes per element.
    let elementBytes: Int
    /// The number of elements per trailer.
    let trailerLength: Int
    /// Whether a rank sends all its nodes rather than their sum.
    let sendsNodes: Bool

    /// Returns the number of vectors that a rank with that many nodes sends.
    func vectors(nodes: Int) -> Int { sendsNodes ? nodes : min(1, nodes) }
}
