import CKernels

/// RMSprop with Keras's formula: v = ρ·v + (1 − ρ)·g²; θ −= lr·g/√(v + ε).
///
/// Tieleman & Hinton 2012, not centered and without momentum.
public struct RMSprop: Optimizer, Hashable {
    /// The decay rate of the mean squares.
    public var rho: Double
    /// The constant added to the mean square under the root.
    public var epsilon: Double

    /// Creates an optimizer; the defaults are Keras's.
    public init(rho: Double = 0.9, epsilon: Double = 1e-7) { (self.rho, self.epsilon) = (rho, epsilon) }

    /// `rmsprop`.
    public var stateName: String { "rmsprop" }

    /// The mean squares v.
    public var slots: [OptimizerSlot] { [OptimizerSlot(name: "v", title: "mean squares")] }

    /// The update of one step; it doesn't depend on the step's number.
    public func update(step: Int, learningRate: Double, gradientScale: Float) -> any ParameterUpdate {
        Update(
            constants: dtrain_rmsprop_constants(
                scale: gradientScale, learning_rate: Float(learningRate), one_minus_rho: Float(1 - rho),
                epsilon: Float(epsilon)))
    }

    private struct Update: ParameterUpdate {
        let constants: dtrain_rmsprop_constants

        func apply(to run: ParameterRun) {
            dtrain_rmsprop(constants, Int64(run.count), run.gradient, run.slot(0), run.parameters)
        }
    }
}
