/// Draws from weights that need not sum to 1.
enum Categorical {
    /// Returns the first index at which the running sum of the weights exceeds `point`.
    ///
    /// - Parameters:
    ///   - weights: nonnegative, [count].
    ///   - first: the lowest index that can be drawn.
    ///   - point: a number in [0, sum of the weights from `first`).
    static func draw(_ weights: UnsafePointer<Float>, first: Int, count: Int, at point: Float) -> Int {
        var rest = point
        for index in first..<count {
            rest -= weights[index]
            if rest < 0 { return index }
        }
        // Rounding can leave a remainder after the last subtraction.
        return (first..<count).last { weights[$0] > 0 } ?? count - 1
    }
}
