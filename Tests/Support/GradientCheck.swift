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

    /// How the gradient of this step travels.
    ///
    /// - Parameters:
    ///   - isStrided: whether the matrices of a block lie apart, as column panels do, and not as they travel.
    ///   - leastBytes: of a block.
    public func blocks(ranks: Int, isStrided: Bool, leastBytes: Int?) -> GradientBlocks {
        guard isStrided else { return GradientBlocks(contiguous: count, ranks: ranks, leastBytes: leastBytes) }
        // Panels of up to 7 columns of a matrix with up to 40, one task each, and then the rest.
        let columns = min(40, count)
        let rows = count / columns
        let tasks = Swift.stride(from: 0, to: columns, by: 7).map { column in
            [
                GradientBlocks.Matrix(
                    rows: rows, width: min(7, columns - column), offset: column, stride: columns)
            ]
        }
        let rest = count - rows * columns
        let last = [GradientBlocks.Matrix(rows: 1, width: rest, offset: rows * columns, stride: rest)]
        return GradientBlocks(tasks: tasks + (rest > 0 ? [last] : []), ranks: ranks, leastBytes: leastBytes)
    }

    /// Lets every rank contribute its share and checks what comes out.
    ///
    /// - Parameters:
    ///   - ranks: the ranks; all run this together.
    ///   - mode: with `library` the sums need only be close.
    ///   - isStrided: whether the gradient travels in another order than it lies in.
    ///   - leastBytes: of a block that travels.
    ///   - inPlace: whether the result goes where the nodes are.
    public func run(
        _ ranks: any Communicator, mode: GradientSynchronizer.Mode = .tree, isStrided: Bool = false,
        leastBytes: Int? = nil, inPlace: Bool = false
    ) throws {
        let tree = ReductionTree(leafCount: leaves)
        let runs = ReductionTree.partition(count: leaves, parts: ranks.size)
        let blocks = blocks(ranks: ranks.size, isStrided: isStrided, leastBytes: leastBytes)
        let synchronizer = try GradientSynchronizer(
            communicator: ranks, tree: tree, runs: runs, blocks: blocks, mode: mode)
        let nodes = try AlignedBuffer<Float>(count: max(1, synchronizer.ownNodes.count) * count)
        let separate = try AlignedBuffer<Float>(count: count)
        let result = inPlace ? nodes.pointer : separate.pointer
        let expected = expected
        // More than once, because the buffers of the synchroniser are used again.
        for round in 1...3 {
            for index in 0..<nodes.count { nodes[index] = .nan }
            synchronizer.begin(nodes: nodes.pointer, into: result)
            try fill(nodes.pointer, synchronizer, blocks) { block in
                // In the second round all is begun at the end, in the others each rank is elsewhere.
                if round != 2, (block + ranks.rank) % 3 != 0 { try synchronizer.advance(finished: block + 1) }
            }
            synchronizer.note = Self.note(rank: ranks.rank, round: round)
            try synchronizer.finish()
            try require(
                synchronizer.notes, equals: (0..<ranks.size).map { Self.note(rank: $0, round: round) }, "notes")
            try compare(result, with: expected, mode: mode, round: round)
        }
    }

    /// Fills in this rank's nodes, block by block.
    private func fill(
        _ nodes: UnsafeMutablePointer<Float>, _ synchronizer: GradientSynchronizer, _ blocks: GradientBlocks,
        _ didFill: (Int) throws -> Void
    ) throws {
        let sums = try synchronizer.ownNodes.map {
            try wireOrder(treeSum(level: $0.level, index: $0.index) ?? [], blocks)
        }
        for block in 0..<blocks.blockCount {
            let elements = blocks.elements(of: block)
            for (place, sum) in sums.enumerated() {
                Array(sum[elements]).withUnsafeBufferPointer { values in
                    guard let base = values.baseAddress else { return }
                    blocks.store(base, elements: elements, block: block, node: place, of: sums.count, to: nodes)
                }
            }
            try didFill(block)
        }
    }

    /// A flat vector as it travels: `unpack` tells where each element comes from.
    private func wireOrder(_ flat: [Float], _ blocks: GradientBlocks) throws -> [Float] {
        let numbers = (0..<count).map(Float.init)
        let places = try AlignedBuffer<Float>(count: count)
        numbers.withUnsafeBufferPointer { numbers in
            guard let base = numbers.baseAddress else { return }
            for block in 0..<blocks.blockCount {
                blocks.unpack(block: block, base + blocks.elements(of: block).lowerBound, to: places.pointer)
            }
        }
        var wire = [Float](repeating: .nan, count: count)
        for (index, value) in flat.enumerated() { wire[Int(places[index])] = value }
        return wire
    }

    private func compare(
        _ result: UnsafePointer<Float>, with expected: [Float], mode: GradientSynchronizer.Mode, round: Int
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
