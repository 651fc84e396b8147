import DTrainCore
import Testing

@Suite struct ReductionTreeTests {
    private typealias Node = ReductionTree.Node

    /// Values with a sum that depends on the order of addition.
    private func value(_ leaf: Int) -> Float {
        let mantissa = Float((leaf &* 2_654_435_761) & 0xFFFF) / 65536 - 0.5
        return mantissa * Float(sign: .plus, exponent: leaf * 7 % 16 - 8, significand: 1)
    }

    /// The sum of a node by definition.
    private func sum(_ level: Int, _ index: Int, _ leaves: Int) -> Float {
        if level == 0 { return value(index) }
        let left = sum(level - 1, 2 * index, leaves)
        return (2 * index + 1) << (level - 1) < leaves ? left + sum(level - 1, 2 * index + 1, leaves) : left
    }

    private func height(_ leaves: Int) -> Int { (0...).first { 1 << $0 >= leaves } ?? 0 }

    /// Folds a run as a worker does; returns the sums of its canonical nodes.
    private func fold(_ run: Range<Int>, of tree: ReductionTree) -> [Float] {
        let plan = tree.foldPlan(of: run)
        var slots = [Float](repeating: .nan, count: plan.slotCount)
        var nodes = [Float](repeating: .nan, count: plan.nodeCount)
        for step in plan.steps {
            var sum = value(run.lowerBound + step.leaf)
            for addend in step.addends { sum = slots[addend] + sum }
            slots[step.target] = sum
            if let node = step.completedNode { nodes[node] = sum }
        }
        return nodes
    }

    private func merge(_ plan: ReductionTree.MergePlan, _ values: [Float]) -> [Float] {
        var buffers = values
        for addition in plan.additions { buffers[addition.target] += buffers[addition.source] }
        return plan.merged.map { buffers[$0.buffer] }
    }

    @Test(arguments: 1...40)
    func balancedPartitionsGiveTheTreesBits(leaves: Int) {
        let tree = ReductionTree(leafCount: leaves)
        let expected = sum(height(leaves), 0, leaves)
        for parts in 1...8 {
            let runs = Partition.balanced(count: leaves, parts: parts)
            let folded = runs.flatMap { fold($0, of: tree) }
            let plan = tree.mergePlan(of: runs)
            #expect(folded.count == plan.nodes.count)
            #expect(plan.merged.map(\.node) == [tree.root])
            #expect(merge(plan, folded).map(\.bitPattern) == [expected.bitPattern], "\(parts) parts")
        }
    }

    /// Tests every pair of cuts, including unbalanced partitions.
    @Test(arguments: [1, 2, 5, 8, 13, 16, 21])
    func anyTwoCutsGiveTheTreesBits(leaves: Int) {
        let tree = ReductionTree(leafCount: leaves)
        let expected = sum(height(leaves), 0, leaves)
        for first in 0...leaves {
            for second in first...leaves {
                let runs = [0..<first, first..<second, second..<leaves]
                let sums = merge(tree.mergePlan(of: runs), runs.flatMap { fold($0, of: tree) })
                #expect(sums.map(\.bitPattern) == [expected.bitPattern], "cuts at \(first), \(second)")
            }
        }
    }

    /// Merges the nodes of threads into those of their rank, then the ranks' nodes into the root.
    @Test(arguments: [1, 3, 8, 13, 32, 37])
    func mergingThreadsThenRanksGivesTheTreesBits(leaves: Int) {
        let tree = ReductionTree(leafCount: leaves)
        let expected = sum(height(leaves), 0, leaves)
        for ranks in 1...4 {
            let runs = Partition.balanced(count: leaves, parts: ranks)
            let ofRanks = runs.flatMap { run -> [Float] in
                let threads = Partition.balanced(count: run.count, parts: 3)
                    .map { $0.lowerBound + run.lowerBound..<$0.upperBound + run.lowerBound }
                let plan = tree.mergePlan(of: threads)
                #expect(plan.merged.map(\.node) == tree.canonicalNodes(of: run))
                return merge(plan, threads.flatMap { fold($0, of: tree) })
            }
            #expect(merge(tree.mergePlan(of: runs), ofRanks).map(\.bitPattern) == [expected.bitPattern])
        }
    }

    @Test(arguments: 1...40)
    func canonicalNodesAreFewAndCoverTheRun(leaves: Int) {
        let tree = ReductionTree(leafCount: leaves)
        // The largest j with 2^j ≤ M.
        let log2 = (0..<7).last { 1 << $0 <= leaves } ?? 0
        for start in 0...leaves {
            for end in start...leaves {
                let nodes = tree.canonicalNodes(of: start..<end)
                #expect(nodes.flatMap { Array(tree.leaves(of: $0)) } == Array(start..<end))
                #expect(nodes.count <= 2 * log2 + 1)
                let plan = tree.foldPlan(of: start..<end)
                #expect(plan.slotCount <= log2 + 1)
                #expect(plan.nodeCount == nodes.count)
                #expect(plan.steps.map(\.leaf) == Array(0..<end - start))
            }
        }
    }

    @Test func knownRunsHaveTheExpectedCanonicalNodes() {
        let tree = ReductionTree(leafCount: 13)
        #expect(tree.canonicalNodes(of: 0..<13) == [Node(level: 4, index: 0)])
        #expect(tree.canonicalNodes(of: 3..<9) == [(0, 3), (2, 1), (0, 8)].map(Node.init))
        // M ends inside this node, so the five leaves below M complete it.
        #expect(tree.canonicalNodes(of: 8..<13) == [Node(level: 3, index: 1)])
        #expect(tree.canonicalNodes(of: 12..<13) == [Node(level: 2, index: 3)])
        #expect(tree.canonicalNodes(of: 5..<5).isEmpty)
    }

    @Test func foldAddsCompletedSiblingsImmediately() {
        let plan = ReductionTree(leafCount: 4).foldPlan(of: 0..<4)
        #expect(plan.slotCount == 3)
        #expect(plan.steps.map(\.slot) == [0, 1, 1, 2])
        #expect(plan.steps.map(\.addends) == [[], [0], [], [1, 0]])
        #expect(plan.steps.map(\.completedNode) == [nil, nil, nil, 0])
    }

    @Test func partitionIsBalancedAndComplete() {
        for count in 0...40 {
            for parts in 1...8 {
                let runs = Partition.balanced(count: count, parts: parts)
                #expect(runs.count == parts)
                #expect(runs.flatMap(Array.init) == Array(0..<count))
                let lengths = runs.map(\.count)
                #expect((lengths.max() ?? 0) - (lengths.min() ?? 0) <= 1)
            }
        }
        #expect(Partition.balanced(count: 4, parts: 8).filter(\.isEmpty).count == 4)
    }
}
