import Core
import Distributed

/// A step's gradients for checks: those of each micro-batch, of random sign and magnitude, so that every order of
/// addition gives other bits.
public struct GradientCheck: Sendable {
    /// Micro-batches in the step.
    public let leaves: Int
    /// Elements of a gradient.
    public let count: Int

    /// Describes a step.
    public init(leaves: Int, count: Int) {
        self.leaves = leaves
        self.count = count
    }

    /// The gradient of one micro-batch.
    public func gradient(of leaf: Int) -> [Float] {
        var state = UInt64(leaf) &* 0x9E37_79B9_7F4A_7C15 &+ 12345
        return (0..<count).map { _ in
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            let mantissa = Float(Int32(truncatingIfNeeded: state >> 32)) / 2_147_483_648
            return mantissa * Float(sign: .plus, exponent: Int(state >> 28 & 15) - 8, significand: 1)
        }
    }

    /// The sum of leaves 2^level·index…, by the definition of the tree.
    public func treeSum(level: Int, index: Int) -> [Float]? {
        guard index << level < leaves else { return nil }
        guard level > 0 else { return gradient(of: index) }
        guard let left = treeSum(level: level - 1, index: 2 * index) else { return nil }
        guard let right = treeSum(level: level - 1, index: 2 * index + 1) else { return left }
        return zip(left, right).map(+)
    }

    /// The whole step's gradient.
    public var expected: [Float] {
        var height = 0
        while 1 << height < leaves { height += 1 }
        return treeSum(level: height, index: 0) ?? []
    }

    /// A note that uses all bits; as a float some of them are NaN or denormal.
    static func note(rank: Int, round: Int) -> UInt32 {
        [0xFFFF_FFFF, 0x7F80_0001, 1, 0x8000_0000, 0x1234_5678][(rank + round) % 5]
    }

    /// Lets every rank contribute its share and checks what comes out.
    ///
    /// - Parameters:
    ///   - ranks: the ranks; all run this together.
    ///   - mode: with `library` the sums need only be close.
    ///   - inPlace: whether the result goes where the nodes are.
    public func run(_ ranks: any Communicator, mode: GradientSynchronizer.Mode = .tree, inPlace: Bool) throws {
        let tree = ReductionTree(leafCount: leaves)
        let runs = ReductionTree.partition(count: leaves, parts: ranks.size)
        let synchronizer = try GradientSynchronizer(
            communicator: ranks, tree: tree, runs: runs, count: count, mode: mode)
        let nodes = try AlignedBuffer<Float>(count: synchronizer.vectorCount * count)
        let separate = try AlignedBuffer<Float>(count: count)
        // Twice, because the buffers of the synchroniser are used again.
        for round in 1...2 {
            for index in 0..<nodes.count { nodes[index] = .nan }
            for (place, node) in synchronizer.ownNodes.enumerated() {
                let sum = treeSum(level: node.level, index: node.index) ?? []
                for (index, value) in sum.enumerated() { nodes[place * count + index] = value }
            }
            let result = inPlace ? nodes.pointer : separate.pointer
            synchronizer.note = Self.note(rank: ranks.rank, round: round)
            try synchronizer.reduce(nodes: nodes.pointer, into: result)
            try require(
                synchronizer.notes, equals: (0..<ranks.size).map { Self.note(rank: $0, round: round) }, "notes")
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
}
