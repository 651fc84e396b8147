/// The mean of step losses, summed in Double in the order of the steps.
public struct Mean: Hashable, Sendable {
    /// The sum of the numbers added.
    public private(set) var sum = 0.0
    /// The count of the numbers added.
    public private(set) var count = 0

    /// Creates an empty mean.
    public init() {}

    /// Adds a number.
    public mutating func add(_ value: Float) {
        sum += Double(value)
        count += 1
    }

    /// The mean; nil if nothing was added.
    public var value: Double? { count > 0 ? sum / Double(count) : nil }
}
