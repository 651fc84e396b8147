/// A sum of numbers along a fixed binary tree, in Double: equal neighbours first, so that its error grows with the logarithm of
/// their number only.
struct PairwiseSum {
    /// The sums of the whole subtrees so far, the largest first.
    private var subtrees: [(sum: Double, height: Int)] = []

    /// Adds the next number.
    mutating func add(_ value: Double) {
        subtrees.append((value, 0))
        while let last = subtrees.last, let left = subtrees.dropLast().last, left.height == last.height {
            subtrees.removeLast(2)
            subtrees.append((left.sum + last.sum, last.height + 1))
        }
    }

    /// The sum of what was added.
    var value: Double { subtrees.reversed().reduce(0) { $1.sum + $0 } }
}
