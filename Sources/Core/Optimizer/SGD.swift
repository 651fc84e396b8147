import CKernels

/// Stochastic gradient descent with Keras's momentum: m = μ·m − lr·g; θ += m.
public struct SGD: Optimizer, Hashable {
    /// The momentum μ, at least 0 and below 1; 0 is plain gradient descent.
    public var momentum: Double

    /// Creates an optimizer.
    public init(momentum: Double = 0) { self.momentum = momentum }

    /// `sgd`.
    public var stateName: String { "sgd" }

    /// The velocities m, kept even without momentum so that a resumed run can turn it on.
    public var slots: [OptimizerSlot] { [OptimizerSlot(name: "m", title: "velocities")] }

    /// The update of one step; it doesn't depend on the step's number.
    public func update(step: Int, learningRate: Double, gradientScale: Float) -> any ParameterUpdate {
        Update(
            constants: dtrain_sgd_constants(
                scale: gradientScale, learning_rate: Float(learningRate), momentum: Float(momentum)))
    }

    private struct Update: ParameterUpdate {
        let constants: dtrain_sgd_constants

        func apply(to run: ParameterRun) {
            dtrain_sgd(constants, Int64(run.count), run.gradient, run.slot(0), run.parameters)
        }
    }
}
