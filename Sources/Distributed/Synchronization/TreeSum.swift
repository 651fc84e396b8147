import Core

/// Blocks whose parts are added up along the tree, as they are.
final class TreeSum: BlockSum {
    private(set) var notes: [RankNote]
    private let shares: GradientShares
    private let communicator: any Communicator
    private let exchanges: [(sent: RankBlocks, received: RankBlocks)]
    private let gatherings: [RankBlocks]
    /// What comes from the others, block by block: this rank's part of their nodes, in tree order.
    private let staging: AlignedBuffer<Float>
    private let stagingStarts: [Int]
    /// Blocks in wire order and, in the last, a note behind each part.
    private let gathered: AlignedBuffer<Float>
    private var places: [UnsafeMutablePointer<Float>]
    private var nodes: UnsafeMutablePointer<Float>
    private var result: UnsafeMutablePointer<Float>

    /// Elements that a pass over all nodes takes at once, so that they stay in the cache between additions.
    private static let strip = 2048

    init(_ shares: GradientShares, communicator: any Communicator) throws {
        self.shares = shares
        self.communicator = communicator
        let blocks = shares.blocks
        let size = MemoryLayout<Float>.stride
        exchanges = try (0..<blocks.blockCount).map { try shares.exchange(of: $0, size: size) { $0 } }
        gatherings = try (0..<blocks.blockCount).map {
            try shares.gathering(of: $0, size: size, trailer: RankNote.words)
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
        gathered = try AlignedBuffer(count: blocks.count + shares.ranks * RankNote.words)
        notes = Array(repeating: RankNote(), count: shares.ranks)
        (nodes, result) = (gathered.pointer, gathered.pointer)
        places = Array(repeating: gathered.pointer, count: nodeCount)
    }

    func use(nodes: UnsafeMutablePointer<Float>, result: UnsafeMutablePointer<Float>) {
        (self.nodes, self.result) = (nodes, result)
    }

    func startExchange(of block: Int) throws -> any Transfer {
        let first = shares.blocks.elements(of: block).lowerBound * shares.ownNodes
        return try communicator.startAllToAll(
            nodes + first, exchanges[block].sent, into: staging.pointer + stagingStarts[block],
            exchanges[block].received)
    }

    func addUp(_ block: Int) {
        let part = shares.ownPart(of: block)
        findNodes(part, block)
        let (_, target) = destination(of: block)
        var start = 0
        while start < part.count {
            let count = min(Self.strip, part.count - start)
            for addition in shares.additions {
                add(places[addition.source] + start, to: places[addition.target] + start, count: count)
            }
            (target + start).update(from: places[0] + start, count: count)
            start += count
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

    /// Where a block is gathered, and this rank's part of it.
    ///
    /// A block that lies in the result as it travels is gathered there, unless notes come with it.
    private func destination(of block: Int) -> (block: UnsafeMutablePointer<Float>, part: UnsafeMutablePointer<Float>) {
        let first = shares.blocks.elements(of: block).lowerBound
        let part = shares.ownPart(of: block).lowerBound - first
        guard block == shares.lastBlock else {
            let base = shares.blocks.contiguousOffset(of: block).map { result + $0 } ?? gathered.pointer + first
            return (base, base + part)
        }
        return (gathered.pointer + first, gathered.pointer + first + part + shares.rank * RankNote.words)
    }

    func startGathering(of block: Int, note: RankNote) throws -> any Transfer {
        if block == shares.lastBlock {
            let trailer = destination(of: block).block + trailerOffset(of: shares.rank)
            trailer[0] = Float(bitPattern: note.value)
            trailer[1] = Float(bitPattern: note.microseconds)
        }
        return try communicator.startAllGather(inPlace: destination(of: block).block, gatherings[block])
    }

    func unpack(_ block: Int) {
        let base = destination(of: block).block
        if block == shares.lastBlock {
            for rank in notes.indices {
                let trailer = base + trailerOffset(of: rank)
                notes[rank] = RankNote(words: (trailer[0].bitPattern, trailer[1].bitPattern))
            }
            shares.removeTrailers(base, trailer: RankNote.words)
        } else if shares.blocks.contiguousOffset(of: block) != nil {
            return
        }
        shares.blocks.unpack(block: block, base, to: result)
    }

    private func trailerOffset(of rank: Int) -> Int { shares.trailerOffset(of: rank, trailer: RankNote.words) }
}
