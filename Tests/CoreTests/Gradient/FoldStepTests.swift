import Testing

@testable import DTrainCore

@Suite struct FoldStepTests {
    /// In every run of every small tree, the last leaf of each node completes the sum of its leaves.
    @Test(arguments: 1...9)
    func foldedLeavesFormTheCanonicalNodes(count: Int) {
        let tree = ReductionTree(leafCount: count)
        for first in 0...count {
            for end in first...count {
                let fold = tree.foldPlan(of: first..<end)
                var slots = [Set<Int>](repeating: [], count: fold.slotCount)
                var nodes = [Set<Int>](repeating: [], count: fold.nodeCount)
                for step in fold.steps {
                    var sum: Set = [step.leaf + first]
                    for addend in step.addends {
                        #expect(slots[addend].isDisjoint(with: sum) && addend != step.slot)
                        sum.formUnion(slots[addend])
                    }
                    slots[step.target] = sum
                    if let node = step.completedNode { nodes[node] = sum }
                }
                #expect(nodes == tree.canonicalNodes(of: first..<end).map { Set(tree.leaves(of: $0)) })
            }
        }
    }
}
