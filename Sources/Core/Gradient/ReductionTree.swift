/// The fixed binary tree in whose order the gradients of a step's micro-batches are added.
///
/// The leaves are the micro-batches 0..<M. The node (j, k) covers the leaves [k·2^j, min((k+1)·2^j, M)); its sum is
///
///     sum(j, k) = sum(j−1, 2k) + sum(j−1, 2k+1)      and just sum(j−1, 2k) where the right child begins beyond M.
///
/// Floating-point addition isn't associative, so the order *is* the result. It depends on M alone: however the leaves
/// are dealt out to ranks and threads in contiguous runs, each run is a few whole nodes, and adding those up along the
/// tree gives the same bits.
public struct ReductionTree: Hashable, Sendable {
    /// An aligned run of 2^level leaves, cut off at the number of leaves.
    public struct Node: Hashable, Sendable {
        /// j: the node's height above the leaves.
        public let level: Int
        /// k: the node's place among those of its level.
        public let index: Int

        /// The node (j, k).
        public init(level: Int, index: Int) {
            self.level = level
            self.index = index
        }

        /// The node's first leaf.
        public var lowerBound: Int { index << level }
        fileprivate var left: Node { Node(level: level - 1, index: 2 * index) }
        fileprivate var right: Node { Node(level: level - 1, index: 2 * index + 1) }
    }

    /// M, the number of micro-batches in a step.
    public let leafCount: Int
    /// The node that covers all leaves.
    public let root: Node

    /// Describes the tree over `leafCount` ≥ 1 leaves.
    public init(leafCount: Int) {
        precondition(leafCount > 0, "a reduction tree needs a leaf")
        self.leafCount = leafCount
        var height = 0
        while 1 << height < leafCount { height += 1 }
        root = Node(level: height, index: 0)
    }

    /// The leaves under a node.
    public func leaves(of node: Node) -> Range<Int> {
        node.lowerBound..<min((node.index + 1) << node.level, leafCount)
    }

    /// The fewest whole nodes that cover a contiguous run of leaves, in the order of the leaves: at most 2·log2(M) + 1.
    ///
    /// A node cut off by M counts as whole. Of several nodes over the same leaves it names the highest.
    public func canonicalNodes(of run: Range<Int>) -> [Node] {
        precondition(run.lowerBound >= 0 && run.upperBound <= leafCount, "the run lies outside the tree")
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

    /// Deals `count` leaves out to `parts` workers: contiguous runs in order, their lengths differing by at most 1.
    ///
    /// Where there are more workers than leaves, some runs are empty.
    public static func partition(count: Int, parts: Int) -> [Range<Int>] {
        precondition(count >= 0 && parts > 0, "a partition needs a part")
        func start(_ part: Int) -> Int { count / parts * part + count % parts * part / parts }
        return (0..<parts).map { start($0)..<start($0 + 1) }
    }
}

extension ReductionTree {
    /// The addition of one buffer to another: `buffer[target] += buffer[source]`.
    public struct Addition: Hashable, Sendable {
        /// The left operand and the sum.
        public let target: Int
        /// The right operand, free afterwards.
        public let source: Int

        /// `buffer[target] += buffer[source]`.
        public init(target: Int, source: Int) {
            self.target = target
            self.source = source
        }
    }

    /// What a worker does to go through its run of leaves in order, with few buffers ("slots").
    ///
    /// A leaf is added as soon as its sibling is there, like the carry of a binary counter, so the slots needed grow
    /// with log2 of the run's length. At the end slot *i* holds the sum of `nodes[i]`.
    public struct FoldPlan: Hashable, Sendable {
        /// One step of the fold.
        public enum Operation: Hashable, Sendable {
            /// Put the value of a leaf into a slot, whatever that held before.
            case leaf(index: Int, slot: Int)
            /// Add one slot to another.
            case add(Addition)
        }

        /// The canonical nodes of the run; slot *i* ends with the sum of the i-th.
        public let nodes: [Node]
        /// The steps in order.
        public let operations: [Operation]
        /// The number of slots that the steps use; at least `nodes.count`.
        public let slotCount: Int
    }

    /// The fold of a contiguous run of leaves.
    public func foldPlan(of run: Range<Int>) -> FoldPlan {
        let nodes = canonicalNodes(of: run)
        var operations: [FoldPlan.Operation] = []
        var slotCount = 0
        func fold(_ node: Node, into slot: Int) {
            guard node.level > 0 else {
                operations.append(.leaf(index: node.index, slot: slot))
                slotCount = max(slotCount, slot + 1)
                return
            }
            fold(node.left, into: slot)
            guard node.right.lowerBound < leafCount else { return }
            fold(node.right, into: slot + 1)
            operations.append(.add(Addition(target: slot, source: slot + 1)))
        }
        for (slot, node) in nodes.enumerated() { fold(node, into: slot) }
        return FoldPlan(nodes: nodes, operations: operations, slotCount: slotCount)
    }

    /// How the nodes of neighbouring runs add up to the nodes of the run that they form together.
    ///
    /// The threads of a rank merge theirs into the rank's; the owner of an element range merges all ranks' into the
    /// root.
    public struct MergePlan: Hashable, Sendable {
        /// The canonical nodes of all runs, one buffer each, in the order of the leaves.
        public let nodes: [Node]
        /// The additions in order, on indices into `nodes`.
        public let additions: [Addition]
        /// The canonical nodes of the joint run.
        public let mergedNodes: [Node]
        /// The buffer that holds the sum of each merged node after the additions.
        public let mergedBuffers: [Int]
    }

    /// The merge of runs that follow each other without a gap; some may be empty.
    public func mergePlan(of runs: [Range<Int>]) -> MergePlan {
        let filled = runs.filter { !$0.isEmpty }
        precondition(
            zip(filled, filled.dropFirst()).allSatisfy { $0.upperBound == $1.lowerBound }, "the runs leave gaps")
        let nodes = filled.flatMap(canonicalNodes)
        let merged = canonicalNodes(of: (filled.first?.lowerBound ?? 0)..<(filled.last?.upperBound ?? 0))
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
        let buffers = merged.map(merge)
        return MergePlan(nodes: nodes, additions: additions, mergedNodes: merged, mergedBuffers: buffers)
    }
}
