/// Draws from weights that need not sum to 1.
enum Categorical {
    /// The index at which the running sum of the weights first exceeds a point of [0, their sum).
    ///
    /// - Parameters:
    ///   - weights: none negative: [count].
    ///   - first: the indices below it are never drawn.
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
