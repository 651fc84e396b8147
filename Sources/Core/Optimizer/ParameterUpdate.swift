/// The update of one step, applied to runs of consecutive parameters.
///
/// Each element depends only on its own gradient and slots, never on how the parameters are divided
/// into runs. Several threads call it at once, for different runs.
public protocol ParameterUpdate: Sendable {
    /// Updates the parameters of a run and their slots.
    func apply(to run: ParameterRun)
}

/// Consecutive parameters with their gradient and slots, each `count` elements long.
public struct ParameterRun {
    /// The number of elements.
    public let count: Int
    /// The parameters, updated in place.
    public let parameters: UnsafeMutablePointer<Float>
    /// The gradient, not yet scaled.
    public let gradient: UnsafePointer<Float>
    private let first: Int
    private let slots: UnsafePointer<UnsafeMutablePointer<Float>>

    /// Creates a run of a model's parameters.
    ///
    /// - Parameters:
    ///   - range: the indices of the parameters.
    ///   - parameters: all parameters.
    ///   - gradient: the gradient of the range alone.
    ///   - slots: the address of each slot's first element.
    init(
        _ range: Range<Int>, of parameters: UnsafeMutablePointer<Float>, gradient: UnsafePointer<Float>,
        slots: UnsafePointer<UnsafeMutablePointer<Float>>
    ) {
        count = range.count
        self.parameters = parameters + range.lowerBound
        self.gradient = gradient
        first = range.lowerBound
        self.slots = slots
    }

    /// The values of a slot for these parameters, updated in place.
    ///
    /// - Parameter index: the slot's index in `Optimizer.slots`; not checked.
    public func slot(_ index: Int) -> UnsafeMutablePointer<Float> { slots[index] + first }
}
