/// The step of one leaf in the fold of a range: the partial sums added to it, and the slot of the
/// result.
package struct FoldStep: Hashable, Sendable {
    /// The leaf, counted from the first of the range.
    package let leaf: Int
    /// The slot for the leaf's own value.
    package let slot: Int
    /// The slots of its left siblings, which are added in order, lowest in the tree first.
    package fileprivate(set) var addends: [Int] = []
    /// The node that the step completes, as an index into the range's canonical nodes.
    package fileprivate(set) var completedNode: Int?

    /// The slot of the sum: the last addend's, or the leaf's own.
    package var target: Int { addends.last ?? slot }
}

extension ReductionTree {
    /// A plan to fold a range of leaves, in order, into the range's nodes with few buffers
    /// ("slots").
    ///
    /// Siblings are added as soon as both are complete, like the carry of a binary counter, so the
    /// number of slots grows with log2 of the range's length. A completed node's sum must be moved
    /// out of its slot before the next step.
    package struct FoldPlan: Hashable, Sendable {
        /// A step for each leaf, in order.
        package let steps: [FoldStep]
        /// The number of slots that the steps use.
        package let slotCount: Int
        /// The number of nodes that the steps complete.
        package let nodeCount: Int
    }

    /// Plans the fold of a contiguous range of leaves.
    package func foldPlan(of run: Range<Int>) -> FoldPlan {
        let nodes = canonicalNodes(of: run)
        var steps: [FoldStep] = []
        func fold(_ node: Node, into slot: Int) {
            guard node.level > 0 else {
                steps.append(FoldStep(leaf: node.index - run.lowerBound, slot: slot))
                return
            }
            fold(node.left, into: slot)
            guard node.right.lowerBound < leafCount else { return }
            fold(node.right, into: slot + 1)
            // The last leaf's step ends with the sum of the right child.
            steps[steps.count - 1].addends.append(slot)
        }
        for (index, node) in nodes.enumerated() {
            fold(node, into: 0)
            steps[steps.count - 1].completedNode = index
        }
        return FoldPlan(
            steps: steps, slotCount: steps.reduce(0) { max($0, $1.slot + 1) }, nodeCount: nodes.count)
    }
}

extension ReductionTree {
    /// The addition of one buffer to another: `buffer[target] += buffer[source]`.
    package struct Addition: Hashable, Sendable {
        /// The left operand and the sum.
        package let target: Int
        /// The right operand, free afterwards.
        package let source: Int
    }

    /// A node of the joint range and the buffer that holds its sum.
    package struct MergedNode: Hashable, Sendable {
        /// The node.
        package let node: Node
        /// The buffer, as an index into `MergePlan.nodes`.
        package let buffer: Int
    }

    /// The additions that merge the nodes of adjacent ranges into the nodes of the joint range.
    ///
    /// For the elements that it owns, each rank merges the nodes of all ranks into the root.
    package struct MergePlan: Hashable, Sendable {
        /// The canonical nodes of all ranges, one buffer each, in the order of the leaves.
        package let nodes: [Node]
        /// The additions in order, on the buffers of `nodes`.
        package let additions: [Addition]
        /// The canonical nodes of the joint range, after the additions.
        package let merged: [MergedNode]
    }

    /// Plans the merge of adjacent ranges; some may be empty.
    package func mergePlan(of runs: [Range<Int>]) -> MergePlan {
        let filled = runs.filter { !$0.isEmpty }
        precondition(
            zip(filled, filled.dropFirst()).allSatisfy { $0.upperBound == $1.lowerBound }, "the ranges have gaps")
        let nodes = filled.flatMap(canonicalNodes)
        let joint = canonicalNodes(of: (filled.first?.lowerBound ?? 0)..<(filled.last?.upperBound ?? 0))
        var additions: [Addition] = []
        var next = 0
        func merge(_ node: Node) -> Int {
            if nodes[next] == node {
                next += 1
                return next - 1
            }
            let target = merge(node.left)
            if node.right.lowerBound < leafCount {
                additions.append(Addition(target: target, source: merge(node.right)))
            }
            return target
        }
        let merged = joint.map { MergedNode(node: $0, buffer: merge($0)) }
        return MergePlan(nodes: nodes, additions: additions, merged: merged)
    }
}
