/// One micro-batch in the fold of a rank's micro-batches along the tree: which sums it is added to, and where the result stays.
struct FoldStep: Hashable, Sendable {
    /// The rank's micro-batch, counted from its first.
    let microBatch: Int
    /// The slot where the micro-batch's own sums may be computed.
    let slot: Int
    /// The slots that are added to them, in order: left siblings, lowest in the tree first.
    let addends: [Int]
    /// The slot that the sum belongs to; the last addend's.
    let target: Int
    /// The node that is complete with this micro-batch, by its number among the rank's nodes.
    let completes: Int?

    /// The leaves of a fold, in order.
    ///
    /// - Parameter first: the rank's first micro-batch.
    static func all(_ fold: ReductionTree.FoldPlan, first: Int) -> [FoldStep] {
        var leaves: [(index: Int, slot: Int, addends: [Int])] = []
        for operation in fold.operations {
            switch operation {
            case .leaf(let index, let slot): leaves.append((index, slot, []))
            // What is added is always what the last leaf has led to.
            case .add(let addition): leaves[leaves.count - 1].addends.append(addition.target)
            }
        }
        let ends = fold.nodes.dropFirst().map(\.lowerBound) + [first + leaves.count]
        return leaves.map { leaf in
            FoldStep(
                microBatch: leaf.index - first, slot: leaf.slot, addends: leaf.addends,
                target: leaf.addends.last ?? leaf.slot, completes: ends.firstIndex(of: leaf.index + 1))
        }
    }
}
