import DTrainCore
import DTrainDistributed
import DistributedTesting
import Testing

/// Gradient exchange in bf16.
@Suite struct CompressionTests {
    /// The gradients are constant, so without error feedback each step would add the same error.
    @Test(arguments: 2...4, [2, 3, 8])
    func errorFeedbackBoundsTheErrorOverManySteps(ranks: Int, leaves: Int) throws {
        let (check, steps) = (GradientCheck(leaves: leaves, count: 603), 200)
        let results = try InMemoryCommunicator.run(ranks: ranks) { try Self.total(check, steps: steps, $0) }
        let totals = try results.map { try $0.get() }
        for total in totals.dropFirst() { #expect(total == totals[0]) }
        let gradients = (0..<leaves).map(check.gradient)
        var largest = 0.0
        for index in 0..<check.count - 1 {
            let size = gradients.reduce(0.0) { $0 + Double(abs($1[index])) }
            let sum = gradients.reduce(0.0) { $0 + Double($1[index]) }
            let error = abs(totals[0][index] - Double(steps) * sum)
            // bf16 has 8 bits, so rounding x loses at most |x| / 256. With x = gradient + residual,
            // the residual stays below |gradient| / 255. For all ranks together that is size / 255.
            // The owner rounds a sum of at most size * (1 + 2 / 255) and keeps a residual of at
            // most that / 255. Float32 additions add about a hundredth of it.
            #expect(error <= size * (2 + 2.0 / 255) / 255 * 1.05, "element \(index)")
            largest = max(largest, error / size)
        }
        // The rounding is measurable.
        #expect(largest > 1e-4)
    }

    /// The sum over the steps of a rank's reduced gradients.
    private static func total(_ check: GradientCheck, steps: Int, _ ranks: InMemoryCommunicator) throws -> [Double] {
        let tree = ReductionTree(leafCount: check.leaves)
        let runs = Partition.balanced(count: check.leaves, parts: ranks.size)
        let blocks = GradientBlocks(contiguous: check.count, ranks: ranks.size, minBytes: 900)
        let synchronizer = try GradientSynchronizer(
            communicator: ranks, tree: tree, runs: runs, blocks: blocks, compression: .bf16)
        let nodes = try AlignedBuffer<Float>(count: max(1, synchronizer.ownNodes.count) * check.count)
        var total = [Double](repeating: 0, count: check.count)
        let sums = synchronizer.ownNodes.map { check.treeSum(level: $0.level, index: $0.index) ?? [] }
        let losses = sums.reduce(0) { $0 + ($1.last ?? 0) }
        let loss = try ranks.allGather(losses).reduce(0, +)
        for step in 0..<steps {
            let reduction = try synchronizer.begin(nodes: nodes.pointer)
            for block in 0..<blocks.blockCount {
                let elements = blocks.elements(of: block)
                for (place, sum) in sums.enumerated() {
                    blocks.store(
                        Array(sum[elements]), GradientBlocks.Segment(block: block, elements: elements), node: place,
                        of: sums.count, to: nodes.pointer)
                }
                // In some steps, blocks are sent while later ones are filled, at positions that
                // depend on the rank.
                if (block + ranks.rank + step) % 3 != 0, step % 4 != 0 {
                    try reduction.advance(finished: block + 1)
                }
            }
            let outcome = try reduction.finish(stopSignal: UInt32(1000 * ranks.rank + step))
            try require(
                outcome.stopSignals, equals: (0..<ranks.size).map { UInt32(1000 * $0 + step) }, "signals")
            // The loss isn't rounded, and all ranks sum it in the same order.
            try require(nodes[check.count - 1], equals: loss, "loss")
            for index in total.indices { total[index] += Double(nodes[index]) }
        }
        return total
    }

    /// A row belongs to another character in the next step, so its residual must be discarded.
    @Test func residualsOfVaryingRowsAreDiscarded() throws {
        let matrices = [
            GradientBlocks.Matrix(rows: 3, width: 40, offset: 0, stride: 40, rowsVary: true),
            GradientBlocks.Matrix(rows: 2, width: 40, offset: 120, stride: 40),
        ]
        let results = try InMemoryCommunicator.run(ranks: 2) { ranks in
            let tree = ReductionTree(leafCount: 2)
            let blocks = GradientBlocks(tasks: [matrices], lossOffset: 200, ranks: 2)
            let synchronizer = try GradientSynchronizer(
                communicator: ranks, tree: tree, runs: [0..<1, 1..<2], blocks: blocks, compression: .bf16)
            return try (0..<2).map { _ in
                // The value isn't exact in 8 bits, so it leaves a residual.
                var nodes = [Float](repeating: 1.003, count: blocks.count)
                try nodes.withUnsafeMutableBufferPointer { nodes in
                    let base = try #require(nodes.baseAddress)
                    let reduction = try synchronizer.begin(nodes: base)
                    _ = try reduction.finish()
                }
                return nodes
            }
        }
        for steps in try results.map({ try $0.get() }) {
            #expect(steps[0][..<120] == steps[1][..<120])
            // The other elements receive their residual in the second step.
            #expect(zip(steps[0][120..<200], steps[1][120..<200]).allSatisfy { $0 != $1 })
        }
    }

    @Test func roundingIsToNearestWithTiesToEven() {
        let values: [Float] = [1, 1.00390625, 1.01171875, 1.005859375, -1.00390625, 0, .infinity, .nan]
        var rounded = [UInt16](repeating: 0, count: values.count)
        var residual = [Float](repeating: 0, count: values.count)
        var expanded = [Float](repeating: 0, count: values.count)
        BF16Vector.round(values, residual: &residual, to: &rounded, count: values.count)
        BF16Vector.expand(rounded, to: &expanded, count: values.count)
        let nearest: [Float] = [1, 1, 1.015625, 1.0078125, -1, 0, .infinity]
        #expect(Array(expanded.dropLast()) == nearest)
        #expect(expanded[7].isNaN)
        let rest: [Float] = [0, 0.00390625, -0.00390625, -0.001953125, -0.00390625, 0, 0, 0]
        #expect(residual == rest)
    }
}
