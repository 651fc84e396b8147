import Testing

@testable import DTrainCore

@Suite struct FoldStepTests {
    /// Every run of every small tree: carrying the leaves out gives each node's sum of its leaves, at the leaf that ends the node.
    @Test(arguments: 1...9)
    func leavesAddUpToTheRunsNodes(count: Int) {
        let tree = ReductionTree(leafCount: count)
        for first in 0...count {
            for end in first...count {
                let fold = tree.foldPlan(of: first..<end)
                var slots = [Set<Int>](repeating: [], count: fold.slotCount)
                var nodes = [Set<Int>](repeating: [], count: fold.nodes.count)
                for leaf in FoldStep.all(fold, first: first) {
                    var sum: Set = [leaf.microBatch + first]
                    for addend in leaf.addends {
                        #expect(slots[addend].isDisjoint(with: sum) && addend != leaf.slot)
                        sum.formUnion(slots[addend])
                    }
                    slots[leaf.target] = sum
                    if let node = leaf.completes { nodes[node] = sum }
                }
                #expect(nodes == fold.nodes.map { Set(tree.leaves(of: $0)) })
            }
        }
    }
}
