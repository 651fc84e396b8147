import DTrainCore

/// Blocks whose parts are added up along the tree, as they are.
final class TreeSum: BlockSum {
    private(set) var notes: [RankTrailer]
    private let shares: GradientShares
    private let communicator: any Communicator
    private let exchanges: [(sent: RankBlocks, received: RankBlocks)]
    private let gatherings: [RankBlocks]
    /// What comes from the others, block by block: this rank's part of their nodes, in tree order.
    private let staging: AlignedBuffer<Float>
    private let stagingStarts: [Int]
    /// The last block, with a note behind each part; the others are gathered where the sum belongs.
    private let lastGathered: AlignedBuffer<Float>
    private var places: [UnsafeMutablePointer<Float>]
    private var nodes: UnsafeMutablePointer<Float>

    /// Elements that a pass over all nodes takes at once, so that they stay in the cache between additions.
    private static let strip = 2048

    init(_ shares: GradientShares, communicator: any Communicator) throws {
        self.shares = shares
        self.communicator = communicator
        let blocks = shares.blocks
        let size = MemoryLayout<Float>.stride
        exchanges = try (0..<blocks.blockCount).map { try shares.exchange(of: $0, size: size) { $0 } }
        gatherings = try (0..<blocks.blockCount).map {
            try shares.gathering(of: $0, size: size, trailer: RankTrailer.words)
        }
        let nodeCount = shares.nodeCounts.reduce(0, +)
        var starts: [Int] = []
        var next = 0
        for block in 0..<blocks.blockCount {
            starts.append(next)
            next += shares.ownPart(of: block).count * (nodeCount - shares.ownNodes)
        }
        stagingStarts = starts
        staging = try AlignedBuffer(count: next)
        lastGathered = try AlignedBuffer(
            count: blocks.elements(of: shares.lastBlock).count + shares.ranks * RankTrailer.words)
        notes = Array(repeating: RankTrailer(), count: shares.ranks)
        nodes = lastGathered.pointer
        places = Array(repeating: lastGathered.pointer, count: nodeCount)
    }

    func use(nodes: UnsafeMutablePointer<Float>) { self.nodes = nodes }

    func startExchange(of block: Int) throws -> any Transfer {
        let first = shares.blocks.elements(of: block).lowerBound * shares.ownNodes
        return try communicator.startAllToAll(
            nodes + first, exchanges[block].sent, into: staging.pointer + stagingStarts[block],
            exchanges[block].received)
    }

    func addUp(_ block: Int) {
        let part = shares.ownPart(of: block)
        findNodes(part, block)
        let target = ownTarget(in: block)
        for start in stride(from: 0, to: part.count, by: Self.strip) {
            let count = min(Self.strip, part.count - start)
            for addition in shares.additions.dropLast() {
                add(places[addition.source] + start, to: places[addition.target] + start, count: count)
            }
            if let root = shares.additions.last {
                add(places[root.target] + start, places[root.source] + start, into: target + start, count: count)
            } else {
                (target + start).update(from: places[0] + start, count: count)
            }
        }
    }

    /// Where each node's elements of this rank's part are, in tree order.
    private func findNodes(_ part: Range<Int>, _ block: Int) {
        var received = staging.pointer + stagingStarts[block]
        var index = 0
        for (rank, count) in shares.nodeCounts.enumerated() {
            for node in 0..<count {
                if rank == shares.rank {
                    places[index] = nodes + shares.blocks.offset(of: part, node: node, nodes: count)
                } else {
                    places[index] = received
                    received += part.count
                }
                index += 1
            }
        }
    }

    /// Where a block is gathered: from its first element on, among nodes.
    ///
    /// Those of a block that begins at element e begin at e times their number. So they are of earlier blocks, which are gathered,
    /// or of this one, where each element is read before one that isn't further behind is written over.
    private func destination(of block: Int) -> UnsafeMutablePointer<Float> {
        block == shares.lastBlock ? lastGathered.pointer : nodes + shares.blocks.elements(of: block).lowerBound
    }

    /// This rank's part of it.
    private func ownTarget(in block: Int) -> UnsafeMutablePointer<Float> {
        let part = shares.ownPart(of: block).lowerBound - shares.blocks.elements(of: block).lowerBound
        return destination(of: block) + part + (block == shares.lastBlock ? shares.rank * RankTrailer.words : 0)
    }

    func startGathering(of block: Int, note: RankTrailer) throws -> any Transfer {
        if block == shares.lastBlock {
            let trailer = lastGathered.pointer + trailerOffset(of: shares.rank)
            trailer[0] = Float(bitPattern: note.value)
            trailer[1] = Float(bitPattern: note.microseconds)
        }
        return try communicator.startAllGather(inPlace: destination(of: block), gatherings[block])
    }

    func complete(_ block: Int) {
        guard block == shares.lastBlock else { return }
        let base = lastGathered.pointer
        for rank in notes.indices {
            let trailer = base + trailerOffset(of: rank)
            notes[rank] = RankTrailer(words: (trailer[0].bitPattern, trailer[1].bitPattern))
        }
        shares.removeTrailers(base, trailer: RankTrailer.words)
        let elements = shares.blocks.elements(of: block)
        (nodes + elements.lowerBound).update(from: base, count: elements.count)
    }

    private func trailerOffset(of rank: Int) -> Int { shares.trailerOffset(of: rank, trailer: RankTrailer.words) }
}
