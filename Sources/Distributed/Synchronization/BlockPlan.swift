import DTrainCore

/// The exchange of one block as one rank performs it; all ranks have a plan for each block.
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
    /// The bytes of the gathered block, trailers included.
    let gathered: RankBlocks
    /// The start of this rank's part in the gathered block.
    let gatheredStart: Int
    /// The places of the ranks' trailers in the gathered block; nil in a block without trailers.
    let trailers: TrailerPlaces?
}

/// The places of the ranks' trailers in a gathered block: each follows the part that its rank has
/// added up.
struct TrailerPlaces {
    private struct Place {
        /// The rank's part, counted from the start of the block, as it is without trailers.
        let part: Range<Int>
        /// The elements of the trailers before it.
        let shift: Int
    }

    private let places: [Place]

    /// Places trailers of `length` elements behind the parts of a block that begins at `start` in
    /// wire order.
    init(behind parts: [Range<Int>], from start: Int, length: Int) {
        places = parts.enumerated().map { rank, part in
            Place(part: part.lowerBound - start..<part.upperBound - start, shift: rank * length)
        }
    }

    /// The start of a rank's trailer in the gathered block.
    func start(of rank: Int) -> Int { places[rank].part.upperBound + places[rank].shift }

    /// Closes the gaps that the trailers leave.
    func remove<Element>(from gathered: UnsafeMutablePointer<Element>) {
        for place in places {
            let target = gathered + place.part.lowerBound
            target.update(from: target + place.shift, count: place.part.count)
        }
    }
}

/// How the elements of all blocks travel.
struct WireFormat {
    /// The bytes of an element.
    let elementBytes: Int
    /// The elements of a trailer.
    let trailerLength: Int
    /// Whether a rank sends all its nodes, or the sum of them.
    let sendsNodes: Bool

    /// The vectors that a rank with that many nodes sends.
    func vectors(nodes: Int) -> Int { sendsNodes ? nodes : min(1, nodes) }
}
