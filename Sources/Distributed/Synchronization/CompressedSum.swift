import DTrainCore

/// Blocks that travel in bf16, both ways, with error feedback.
///
/// Each rank rounds the sum of its nodes before it sends it, and the owner rounds the sum of all ranks. What a rounding
/// loses is added to what is rounded in the next step, so the sum over many steps is off by one step's rounding, not by
/// all of them. Everything is added in float32. The last element, the loss, travels exactly.
final class CompressedSum: BlockSum {
    private(set) var notes: [RankTrailer]
    private let shares: GradientShares
    private let communicator: any Communicator
    private let exchanges: [(sent: RankBlocks, received: RankBlocks)]
    private let gatherings: [RankBlocks]
    /// What this rank sends, in wire order; nothing of its own part.
    private let sent: AlignedBuffer<UInt16>
    /// What the rounding has lost: of its own part the sum's, of the others what this rank sent.
    private let residual: AlignedBuffer<Float>
    private let staging: AlignedBuffer<UInt16>
    private let stagingStarts: [Int]
    private let gathered: AlignedBuffer<UInt16>
    /// This rank's part of a block in float32.
    private let scratch: AlignedBuffer<Float>
    private var ownLoss: Float = 0
    private var nodes: UnsafeMutablePointer<Float>

    /// A note and a rank's part of the loss, two halves each.
    private static let trailer = 2 * (RankTrailer.words + 1)

    init(_ shares: GradientShares, communicator: any Communicator) throws {
        self.shares = shares
        self.communicator = communicator
        let blocks = shares.blocks
        exchanges = try (0..<blocks.blockCount).map { try shares.exchange(of: $0, size: 2) { min(1, $0) } }
        gatherings = try (0..<blocks.blockCount).map {
            try shares.gathering(of: $0, size: 2, trailer: Self.trailer)
        }
        let peers = shares.nodeCounts.indices.count { $0 != shares.rank && shares.nodeCounts[$0] > 0 }
        var starts: [Int] = []
        var next = 0
        for block in 0..<blocks.blockCount {
            starts.append(next)
            next += shares.ownPart(of: block).count * peers
        }
        stagingStarts = starts
        staging = try AlignedBuffer(count: next)
        sent = try AlignedBuffer(count: blocks.count)
        residual = try AlignedBuffer(count: blocks.count)
        gathered = try AlignedBuffer(count: blocks.count + shares.ranks * Self.trailer)
        scratch = try AlignedBuffer(count: (0..<blocks.blockCount).map { shares.ownPart(of: $0).count }.max() ?? 0)
        notes = Array(repeating: RankTrailer(), count: shares.ranks)
        nodes = scratch.pointer
    }

    func use(nodes: UnsafeMutablePointer<Float>) { self.nodes = nodes }

    func startExchange(of block: Int) throws -> any Transfer {
        for rank in 0..<shares.ranks where shares.ownNodes > 0 {
            let part = shares.blocks.part(of: block, rank: rank)
            let sum = addNodes(part)
            if part.contains(shares.blocks.count - 1) { ownLoss = sum[part.count - 1] }
            guard rank != shares.rank else { continue }
            BF16Vector.round(
                sum, residual: residual.pointer + part.lowerBound, to: sent.pointer + part.lowerBound,
                count: part.count)
        }
        return try communicator.startAllToAll(
            sent.pointer + shares.blocks.elements(of: block).lowerBound, exchanges[block].sent,
            into: staging.pointer + stagingStarts[block], exchanges[block].received)
    }

    /// Adds this rank's nodes up; the sum ends in the first one's place.
    private func addNodes(_ part: Range<Int>) -> UnsafeMutablePointer<Float> {
        let first = nodes + shares.blocks.offset(of: part, node: 0, nodes: shares.ownNodes)
        for node in 1..<max(1, shares.ownNodes) { add(first + node * part.count, to: first, count: part.count) }
        return first
    }

    func addUp(_ block: Int) {
        let part = shares.ownPart(of: block)
        let sum = scratch.pointer
        sum.update(repeating: 0, count: part.count)
        var received = staging.pointer + stagingStarts[block]
        for (rank, count) in shares.nodeCounts.enumerated() where count > 0 {
            if rank == shares.rank {
                add(nodes + shares.blocks.offset(of: part, node: 0, nodes: count), to: sum, count: part.count)
            } else {
                BF16Vector.add(received, to: sum, count: part.count)
                received += part.count
            }
        }
        let trailers = block == shares.lastBlock ? shares.rank * Self.trailer : 0
        BF16Vector.round(
            sum, residual: residual.pointer + part.lowerBound, to: gathered.pointer + part.lowerBound + trailers,
            count: part.count)
    }

    func startGathering(of block: Int, note: RankTrailer) throws -> any Transfer {
        let base = gathered.pointer + shares.blocks.elements(of: block).lowerBound
        if block == shares.lastBlock {
            let trailer = base + shares.trailerOffset(of: shares.rank, trailer: Self.trailer)
            Self.write(note.value, to: trailer)
            Self.write(note.microseconds, to: trailer + 2)
            Self.write(ownLoss.bitPattern, to: trailer + 4)
        }
        return try communicator.startAllGather(inPlace: base, gatherings[block])
    }

    func complete(_ block: Int) {
        let elements = shares.blocks.elements(of: block)
        let base = gathered.pointer + elements.lowerBound
        var loss: Float = 0
        if block == shares.lastBlock {
            for rank in notes.indices {
                let trailer = base + shares.trailerOffset(of: rank, trailer: Self.trailer)
                notes[rank] = RankTrailer(words: (Self.read(trailer), Self.read(trailer + 2)))
                loss += Float(bitPattern: Self.read(trailer + 4))
            }
            shares.removeTrailers(base, trailer: Self.trailer)
        }
        BF16Vector.expand(base, to: nodes + elements.lowerBound, count: elements.count)
        if block == shares.lastBlock { nodes[elements.upperBound - 1] = loss }
    }

    private static func write(_ value: UInt32, to halves: UnsafeMutablePointer<UInt16>) {
        halves[0] = UInt16(truncatingIfNeeded: value)
        halves[1] = UInt16(truncatingIfNeeded: value >> 16)
    }

    private static func read(_ halves: UnsafePointer<UInt16>) -> UInt32 { UInt32(halves[0]) | UInt32(halves[1]) << 16 }
}
