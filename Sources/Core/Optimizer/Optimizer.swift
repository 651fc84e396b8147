/// An update rule for parameters: its hyper-parameters, its slots and its update.
///
/// The learning rate and the gradient's scale are arguments of each step, so an optimizer needs no
/// code for schedules or clipping. State kept between steps is in an `OptimizerState`.
public protocol Optimizer: Sendable {
    /// The prefix of its tensors in a checkpoint, such as `adam`: one word without dots.
    ///
    /// Optimizers with the same prefix and slots can resume from each other's checkpoints.
    var stateName: String { get }

    /// The values kept for each parameter, in the order of the checkpoint's tensors.
    var slots: [OptimizerSlot] { get }

    /// Prepares the update of one step and computes its constants.
    ///
    /// - Parameters:
    ///   - step: the number of the step, from 1.
    ///   - learningRate: the learning rate of this step.
    ///   - gradientScale: a factor for every element of the gradient; below 1 where the gradient is
    ///     clipped.
    func update(step: Int, learningRate: Double, gradientScale: Float) -> any ParameterUpdate
}

/// A value that an optimizer keeps for each parameter.
public struct OptimizerSlot: Hashable, Sendable {
    /// The name in a checkpoint, such as `m`: one word without dots.
    public let name: String
    /// The name in messages, a plural noun such as `first moments`.
    public let title: String

    /// Creates a slot.
    public init(name: String, title: String) {
        self.name = name
        self.title = title
    }
}
