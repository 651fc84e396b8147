/// A sum in Double along a fixed binary tree.
///
/// Neighboring subtrees of equal height are added first, so the error grows with the logarithm of
/// the number of addends only.
struct PairwiseSum {
    /// The sums of the complete subtrees so far, the tallest first.
    private var subtrees: [(sum: Double, height: Int)] = []

    /// Adds the next number.
    mutating func add(_ value: Double) {
        subtrees.append((value, 0))
        while let last = subtrees.last, let left = subtrees.dropLast().last, left.height == last.height {
            subtrees.removeLast(2)
            subtrees.append((left.sum + last.sum, last.height + 1))
        }
    }

    /// The sum of all numbers added.
    var value: Double { subtrees.reversed().reduce(0) { $1.sum + $0 } }
}
