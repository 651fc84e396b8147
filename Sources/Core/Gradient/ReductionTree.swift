/// The fixed binary tree that defines the order in which the gradients of a step's micro-batches
/// are added.
///
/// The leaves are the micro-batches 0..<M. The node (j, k) covers the leaves
/// [k·2^j, min((k+1)·2^j, M)); its sum is
///
///     sum(j, k) = sum(j−1, 2k) + sum(j−1, 2k+1)
///
/// or sum(j−1, 2k) alone if the right child starts at or after M.
///
/// Floating-point addition isn't associative, so the order determines the bits. The order depends
/// only on M. Each rank has a contiguous range of leaves, which consists of a few whole nodes.
/// Adding these nodes along the tree gives the same bits for any assignment of ranges to ranks.
package struct ReductionTree: Hashable, Sendable {
    /// An aligned range of 2^level leaves, truncated at the number of leaves.
    package struct Node: Hashable, Sendable {
        /// j: the node's height above the leaves.
        package let level: Int
        /// k: the node's index within its level.
        package let index: Int

        /// Creates the node (j, k).
        package init(level: Int, index: Int) {
            self.level = level
            self.index = index
        }

        /// The node's first leaf.
        package var lowerBound: Int { index << level }
        /// The child over the first half.
        var left: Node { Node(level: level - 1, index: 2 * index) }
        /// The child over the second half, which may start beyond the last leaf.
        var right: Node { Node(level: level - 1, index: 2 * index + 1) }
    }

    /// M, the number of micro-batches in a step.
    package let leafCount: Int
    /// The node that covers all leaves.
    package let root: Node

    /// Creates the tree over `leafCount` ≥ 1 leaves.
    package init(leafCount: Int) {
        precondition(leafCount > 0, "a reduction tree needs at least one leaf")
        self.leafCount = leafCount
        var height = 0
        while 1 << height < leafCount { height += 1 }
        root = Node(level: height, index: 0)
    }

    /// Returns the leaves under a node.
    package func leaves(of node: Node) -> Range<Int> {
        node.lowerBound..<min((node.index + 1) << node.level, leafCount)
    }

    /// Returns the fewest whole nodes that cover a contiguous range of leaves, in the order of the
    /// leaves.
    ///
    /// There are at most 2·log2(M) + 1 nodes. A node truncated at M counts as whole; if several
    /// nodes cover the same leaves, the result contains the highest.
    package func canonicalNodes(of run: Range<Int>) -> [Node] {
        precondition(run.lowerBound >= 0 && run.upperBound <= leafCount, "the range is outside the tree")
        var nodes: [Node] = []
        var next = run.lowerBound
        while next < run.upperBound {
            var node = Node(level: 0, index: next)
            while node.level < root.level, node.index.isMultiple(of: 2) {
                let parent = Node(level: node.level + 1, index: node.index / 2)
                guard leaves(of: parent).upperBound <= run.upperBound else { break }
                node = parent
            }
            nodes.append(node)
            next = leaves(of: node).upperBound
        }
        return nodes
    }
}
