import DTrainCore
import DTrainDistributed

/// A check of gradient sums.
///
/// The values have random sign and magnitude, so every order of addition gives different bits.
package struct GradientCheck: Sendable {
    /// The number of micro-batches in the step.
    package let leaves: Int
    /// The number of elements of a gradient.
    package let count: Int

    /// Creates a check of a step.
    package init(leaves: Int, count: Int) {
        self.leaves = leaves
        self.count = count
    }

    /// Returns the gradient of one micro-batch.
    package func gradient(of leaf: Int) -> [Float] {
        var state = UInt64(leaf) &* 0x9E37_79B9_7F4A_7C15 &+ 12345
        return (0..<count).map { _ in
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            let mantissa = Float(Int32(truncatingIfNeeded: state >> 32)) / 2_147_483_648
            return mantissa * Float(sign: .plus, exponent: Int(state >> 28 & 15) - 8, significand: 1)
        }
    }

    /// Returns the sum of node `index` at `level` by the tree's definition; nil without leaves.
    package func treeSum(level: Int, index: Int) -> [Float]? {
        guard index << level < leaves else { return nil }
        guard level > 0 else { return gradient(of: index) }
        guard let left = treeSum(level: level - 1, index: 2 * index) else { return nil }
        guard let right = treeSum(level: level - 1, index: 2 * index + 1) else { return left }
        return zip(left, right).map(+)
    }

    /// The gradient of the whole step.
    package var expected: [Float] {
        var height = 0
        while 1 << height < leaves { height += 1 }
        return treeSum(level: height, index: 0) ?? []
    }

    /// Returns a stop signal that uses all 32 bits; as floats, some of them are NaN or denormal.
    static func signal(rank: Int, round: Int) -> UInt32 {
        [0xFFFF_FFFF, 0x7F80_0001, 1, 0x8000_0000, 0x1234_5678][(rank + round) % 5]
    }

    /// Reduces the gradient several times and checks the sum; collective.
    ///
    /// - Parameters:
    ///   - ranks: the ranks.
    ///   - mode: with `library` the sums need only be close.
    ///   - minBytes: the minimum size of a block.
    package func run(
        _ ranks: any Communicator, mode: GradientSummation = .tree, minBytes: Int? = nil
    ) throws {
        let tree = ReductionTree(leafCount: leaves)
        let runs = Partition.balanced(count: leaves, parts: ranks.size)
        let blocks = GradientBlocks(contiguous: count, ranks: ranks.size, minBytes: minBytes)
        let synchronizer = try GradientSynchronizer(
            communicator: ranks, tree: tree, runs: runs, blocks: blocks, mode: mode)
        let nodes = try AlignedBuffer<Float>(count: max(1, synchronizer.ownNodes.count) * count)
        let expected = expected
        // Several rounds, because the synchronizer reuses its buffers.
        for round in 1...3 {
            for index in 0..<nodes.count { nodes[index] = .nan }
            let reduction = try synchronizer.begin(nodes: nodes.pointer)
            try fill(nodes.pointer, synchronizer, blocks) { block in
                // In the second round all transfers start at the end; in the others, ranks start
                // them at different times.
                if round != 2, (block + ranks.rank) % 3 != 0 { try reduction.advance(finished: block + 1) }
            }
            let outcome = try reduction.finish(stopSignal: Self.signal(rank: ranks.rank, round: round))
            try require(
                outcome.stopSignals, equals: (0..<ranks.size).map { Self.signal(rank: $0, round: round) }, "signals")
            try compare(nodes.pointer, with: expected, mode: mode, round: round)
        }
    }

    /// Fills in this rank's nodes, block by block.
    private func fill(
        _ nodes: UnsafeMutablePointer<Float>, _ synchronizer: GradientSynchronizer, _ blocks: GradientBlocks,
        _ didFill: (Int) throws -> Void
    ) throws {
        let sums = synchronizer.ownNodes.map { treeSum(level: $0.level, index: $0.index) ?? [] }
        for block in 0..<blocks.blockCount {
            let elements = blocks.elements(of: block)
            for (place, sum) in sums.enumerated() {
                Array(sum[elements]).withUnsafeBufferPointer { values in
                    guard let base = values.baseAddress else { return }
                    blocks.store(
                        base, GradientBlocks.Segment(block: block, elements: elements), node: place, of: sums.count,
                        to: nodes)
                }
            }
            try didFill(block)
        }
    }

    private func compare(
        _ result: UnsafePointer<Float>, with expected: [Float], mode: GradientSummation, round: Int
    ) throws {
        for (index, value) in expected.enumerated() {
            let isRight =
                mode == .tree
                ? result[index].bitPattern == value.bitPattern
                : abs(result[index] - value) <= 1e-5 * Float(leaves) * 256
            guard isRight else {
                throw CheckFailure(
                    description: "round \(round), element \(index): \(result[index]), expected \(value)")
            }
        }
    }
}

extension GradientBlocks {
    /// Forms blocks of a vector in wire order; its last element stands for the loss.
    package init(contiguous count: Int, ranks: Int, minBytes: Int? = nil) {
        let length = max(1, (minBytes ?? 5 << 18) / MemoryLayout<Float>.stride)
        let tasks = stride(from: 0, to: count - 1, by: length).map { start in
            let width = min(length, count - 1 - start)
            return [Matrix(rows: 1, width: width, offset: start, stride: width)]
        }
        self.init(tasks: tasks, lossOffset: count - 1, ranks: ranks, minBytes: minBytes)
    }
}
