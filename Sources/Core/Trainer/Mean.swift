/// The mean of step losses, added up in Double in the order of the steps.
public struct Mean: Hashable, Sendable {
    /// The sum of what was added.
    public private(set) var sum = 0.0
    /// How many numbers were added.
    public private(set) var count = 0

    /// The mean of nothing yet.
    public init() {}

    /// Adds a number.
    public mutating func add(_ value: Float) {
        sum += Double(value)
        count += 1
    }

    /// The mean; nil while nothing was added.
    public var value: Double? { count > 0 ? sum / Double(count) : nil }
}
