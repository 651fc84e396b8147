import DTrainCore

/// A sum of blocks that are sent in bf16 in both directions, with error feedback.
///
/// Each rank rounds the sum of its nodes before sending it, and the owner of a part rounds the sum
/// of all ranks. A rounding error is added to the operand of the next step's rounding, so the total
/// over many steps is off by one step's error. Rows of characters have no error feedback, because a
/// row may belong to another character in the next step. All additions are in float32. The loss
/// isn't compressed; it is sent with the trailers.
final class CompressedSum: BlockSum {
    let plans: [BlockPlan]
    private(set) var trailers: [RankTrailer]
    private let shares: GradientShares
    private let communicator: any Communicator
    /// This rank's sums in wire order; the elements of its own part are unused.
    private let sent: AlignedBuffer<UInt16>
    /// The rounding errors: of the sum in this rank's own part, of the sent values elsewhere.
    private let residual: AlignedBuffer<Float>
    /// The elements of each block without error feedback.
    private let varying: [[Range<Int>]]
    private let staging: AlignedBuffer<UInt16>
    private let gathered: AlignedBuffer<UInt16>
    /// This rank's part of a block in float32.
    private let scratch: AlignedBuffer<Float>
    /// The sum of the loss over this rank's nodes.
    private var ownLoss: Float = 0

    /// The length of a trailer and a rank's part of the loss, in 16-bit halves of their words.
    private static let trailerLength = 2 * (RankTrailer.words + 1)

    init(_ shares: GradientShares, communicator: any Communicator) throws {
        self.shares = shares
        self.communicator = communicator
        let (plans, stagingCount) = try shares.plans(
            WireFormat(
                elementBytes: MemoryLayout<UInt16>.stride, trailerLength: Self.trailerLength, sendsNodes: false))
        self.plans = plans
        varying = plans.indices.map(shares.blocks.varying)
        staging = try AlignedBuffer(count: stagingCount)
        sent = try AlignedBuffer(count: shares.blocks.count)
        residual = try AlignedBuffer(count: shares.blocks.count)
        gathered = try AlignedBuffer(count: shares.blocks.count + shares.ranks * Self.trailerLength)
        scratch = try AlignedBuffer(count: plans.map(\.ownPart.count).max() ?? 0)
        trailers = []
    }

    func startExchange(of block: Int, _ nodes: UnsafeMutablePointer<Float>) throws -> any Transfer {
        let plan = plans[block]
        for elements in varying[block] {
            (residual.pointer + elements.lowerBound).update(repeating: 0, count: elements.count)
        }
        for (rank, part) in plan.parts.enumerated() where shares.ownNodes > 0 {
            let sum = addNodes(part, nodes)
            if part.contains(shares.blocks.loss) { ownLoss = sum[shares.blocks.loss - part.lowerBound] }
            guard rank != shares.rank else { continue }
            BF16Vector.round(
                sum, residual: residual.pointer + part.lowerBound, to: sent.pointer + part.lowerBound,
                count: part.count)
        }
        return try communicator.startAllToAll(
            sent.pointer + plan.elements.lowerBound, plan.sent, into: staging.pointer + plan.stagingStart,
            plan.received)
    }

    /// Adds up this rank's nodes; the sum replaces the first node.
    private func addNodes(_ part: Range<Int>, _ nodes: UnsafeMutablePointer<Float>) -> UnsafeMutablePointer<Float> {
        let first = nodes + shares.blocks.offset(of: part, node: 0, nodes: shares.ownNodes)
        for node in 1..<max(1, shares.ownNodes) { add(first + node * part.count, to: first, count: part.count) }
        return first
    }

    func addUp(_ block: Int, _ nodes: UnsafeMutablePointer<Float>) {
        let (plan, part) = (plans[block], plans[block].ownPart)
        let sum = scratch.pointer
        sum.update(repeating: 0, count: part.count)
        var received = staging.pointer + plan.stagingStart
        for (rank, count) in shares.nodeCounts.enumerated() where count > 0 {
            if rank == shares.rank {
                add(nodes + shares.blocks.offset(of: part, node: 0, nodes: count), to: sum, count: part.count)
            } else {
                BF16Vector.add(received, to: sum, count: part.count)
                received += part.count
            }
        }
        BF16Vector.round(
            sum, residual: residual.pointer + part.lowerBound,
            to: gathered.pointer + plan.elements.lowerBound + plan.gatheredStart, count: part.count)
    }

    func startGathering(
        of block: Int, _ nodes: UnsafeMutablePointer<Float>, trailer: RankTrailer?
    ) throws -> any Transfer {
        let plan = plans[block]
        let base = gathered.pointer + plan.elements.lowerBound
        if let layout = plan.trailers, let trailer {
            let halves = base + layout.start(of: shares.rank)
            Self.write(trailer.stopSignal, to: halves)
            Self.write(trailer.computingMicroseconds, to: halves + 2)
            Self.write(ownLoss.bitPattern, to: halves + 4)
        }
        return try communicator.startAllGather(inPlace: base, plan.gathered)
    }

    func complete(_ block: Int, _ nodes: UnsafeMutablePointer<Float>) {
        let plan = plans[block]
        let base = gathered.pointer + plan.elements.lowerBound
        var loss: Float = 0
        if let layout = plan.trailers {
            trailers = (0..<shares.ranks).map { rank in
                let halves = base + layout.start(of: rank)
                loss += Float(bitPattern: Self.read(halves + 4))
                return RankTrailer(stopSignal: Self.read(halves), computingMicroseconds: Self.read(halves + 2))
            }
            layout.remove(from: base)
        }
        BF16Vector.expand(base, to: nodes + plan.elements.lowerBound, count: plan.elements.count)
        if plan.trailers != nil { nodes[shares.blocks.loss] = loss }
    }

    private static func write(_ value: UInt32, to halves: UnsafeMutablePointer<UInt16>) {
        halves[0] = UInt16(truncatingIfNeeded: value)
        halves[1] = UInt16(truncatingIfNeeded: value >> 16)
    }

    private static func read(_ halves: UnsafePointer<UInt16>) -> UInt32 { UInt32(halves[0]) | UInt32(halves[1]) << 16 }
}
