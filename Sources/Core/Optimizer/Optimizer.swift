/// A rule by which parameters follow their gradient: its hyper-parameters, its slots and its update.
///
/// The learning rate and the gradient's scale are arguments of a step, so schedules and clipping need
/// no support from an optimiser. What it keeps between steps is in an `OptimizerState`.
public protocol Optimizer: Sendable {
    /// The prefix of its tensors in a checkpoint, such as `adam`: a word without dots.
    ///
    /// Optimisers with the same prefix and slots can resume from each other's checkpoints.
    var stateName: String { get }

    /// What it keeps for every parameter, in the order of the checkpoint's tensors.
    var slots: [OptimizerSlot] { get }

    /// The update of one step, with its constants computed.
    ///
    /// - Parameters:
    ///   - step: the number of the step, from 1.
    ///   - learningRate: the learning rate of this step.
    ///   - gradientScale: a factor for every element of the gradient; below 1 where it is clipped.
    func update(step: Int, learningRate: Double, gradientScale: Float) -> any ParameterUpdate
}

/// One number that an optimiser keeps for every parameter.
public struct OptimizerSlot: Hashable, Sendable {
    /// The name in a checkpoint, such as `m`: a word without dots.
    public let name: String
    /// A plural noun for messages, such as `first moments`.
    public let title: String

    /// Names a slot.
    public init(name: String, title: String) {
        self.name = name
        self.title = title
    }
}
