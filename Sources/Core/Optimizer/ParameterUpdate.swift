/// The update of one step, applied to one run of parameters after another.
///
/// Each element depends on its own gradient and slots only, never on how the parameters are cut into
/// runs. Called from several threads at once, for different runs.
public protocol ParameterUpdate: Sendable {
    /// Updates the parameters of a run and their slots.
    func apply(to run: ParameterRun)
}

/// Consecutive parameters, their gradient and their slots, all `count` elements long.
public struct ParameterRun {
    /// Elements.
    public let count: Int
    /// The parameters, updated in place.
    public let parameters: UnsafeMutablePointer<Float>
    /// The gradient, not scaled yet.
    public let gradient: UnsafePointer<Float>
    private let first: Int
    private let slots: UnsafePointer<UnsafeMutablePointer<Float>>

    /// A run of the parameters of a model.
    ///
    /// - Parameters:
    ///   - range: the parameters' indices.
    ///   - parameters: all parameters.
    ///   - gradient: the gradient of the range alone.
    ///   - slots: a pointer to all elements of each slot.
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

    /// A slot of these parameters, updated in place.
    ///
    /// - Parameter index: the slot's place in `Optimizer.slots`; not checked.
    public func slot(_ index: Int) -> UnsafeMutablePointer<Float> { slots[index] + first }
}
