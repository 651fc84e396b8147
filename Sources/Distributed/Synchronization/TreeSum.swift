import DTrainCore

/// A sum of float32 blocks along the reduction tree.
final class TreeSum: BlockSum {
    let plans: [BlockPlan]
    private(set) var trailers: [RankTrailer]
    private let shares: GradientShares
    private let communicator: any Communicator
    /// The received parts of the other ranks' nodes, block by block, in tree order.
    private let staging: AlignedBuffer<Float>
    /// The buffer for the gathered block with trailers; all other blocks are gathered in place.
    private let withTrailers: AlignedBuffer<Float>
    /// This rank's part of every node, in tree order.
    private var operands: [UnsafeMutablePointer<Float>]

    /// The number of elements per pass over all nodes, small enough to stay in the cache between
    /// additions.
    private static let strip = 2048

    init(_ shares: GradientShares, communicator: any Communicator) throws {
        self.shares = shares
        self.communicator = communicator
        let (plans, stagingCount) = try shares.plans(
            WireFormat(
                elementBytes: MemoryLayout<Float>.stride, trailerLength: RankTrailer.words, sendsNodes: true))
        self.plans = plans
        staging = try AlignedBuffer(count: stagingCount)
        let carrying = plans.lazy.filter { $0.trailers != nil }.map(\.elements.count).max() ?? 0
        withTrailers = try AlignedBuffer(count: carrying + shares.ranks * RankTrailer.words)
        trailers = []
        operands = Array(repeating: staging.pointer, count: shares.nodeCounts.reduce(0, +))
    }

    func startExchange(of block: Int, _ nodes: UnsafeMutablePointer<Float>) throws -> any Transfer {
        let plan = plans[block]
        return try communicator.startAllToAll(
            nodes + plan.elements.lowerBound * shares.ownNodes, plan.sent, into: staging.pointer + plan.stagingStart,
            plan.received)
    }

    func addUp(_ block: Int, _ nodes: UnsafeMutablePointer<Float>) {
        let (plan, count) = (plans[block], plans[block].ownPart.count)
        findOperands(plan, nodes)
        let target = target(of: plan, nodes) + plan.gatheredStart
        for start in stride(from: 0, to: count, by: Self.strip) {
            let count = min(Self.strip, count - start)
            for addition in shares.additions.dropLast() {
                add(operands[addition.source] + start, to: operands[addition.target] + start, count: count)
            }
            if let root = shares.additions.last {
                add(operands[root.target] + start, operands[root.source] + start, into: target + start, count: count)
            } else {
                (target + start).update(from: operands[0] + start, count: count)
            }
        }
    }

    private func findOperands(_ plan: BlockPlan, _ nodes: UnsafeMutablePointer<Float>) {
        var received = staging.pointer + plan.stagingStart
        var index = 0
        for (rank, count) in shares.nodeCounts.enumerated() {
            for node in 0..<count {
                if rank == shares.rank {
                    operands[index] = nodes + shares.blocks.offset(of: plan.ownPart, node: node, nodes: count)
                } else {
                    operands[index] = received
                    received += plan.ownPart.count
                }
                index += 1
            }
        }
    }

    /// Returns the start of the gathered block.
    ///
    /// Gathering in place is safe: a block's nodes start at or after its output, so every write
    /// trails the reads.
    private func target(of plan: BlockPlan, _ nodes: UnsafeMutablePointer<Float>) -> UnsafeMutablePointer<Float> {
        plan.trailers == nil ? nodes + plan.elements.lowerBound : withTrailers.pointer
    }

    func startGathering(
        of block: Int, _ nodes: UnsafeMutablePointer<Float>, trailer: RankTrailer?
    ) throws -> any Transfer {
        let plan = plans[block]
        if let layout = plan.trailers, let trailer {
            let words = withTrailers.pointer + layout.start(of: shares.rank)
            words[0] = Float(bitPattern: trailer.stopSignal)
            words[1] = Float(bitPattern: trailer.computingMicroseconds)
        }
        return try communicator.startAllGather(inPlace: target(of: plan, nodes), plan.gathered)
    }

    func complete(_ block: Int, _ nodes: UnsafeMutablePointer<Float>) {
        let plan = plans[block]
        guard let layout = plan.trailers else { return }
        trailers = (0..<shares.ranks).map { rank in
            let words = withTrailers.pointer + layout.start(of: rank)
            return RankTrailer(stopSignal: words[0].bitPattern, computingMicroseconds: words[1].bitPattern)
        }
        layout.remove(from: withTrailers.pointer)
        (nodes + plan.elements.lowerBound).update(from: withTrailers.pointer, count: plan.elements.count)
    }
}
