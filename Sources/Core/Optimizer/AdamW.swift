import CKernels

/// Adam with decoupled weight decay: θ −= lr·λ·θ for every parameter, then Adam's step with the
/// same learning rate.
///
/// Loshchilov & Hutter 2019, with Keras's decay, which is proportional to the learning rate.
public struct AdamW: Optimizer, Hashable {
    /// The Adam step that follows the decay.
    public var adam: Adam
    /// The weight decay λ.
    public var weightDecay: Double

    /// Creates an optimizer; the defaults are Keras's.
    public init(beta1: Double = 0.9, beta2: Double = 0.999, epsilon: Double = 1e-7, weightDecay: Double = 0.004) {
        adam = Adam(beta1: beta1, beta2: beta2, epsilon: epsilon)
        self.weightDecay = weightDecay
    }

    /// `adam`, since the slots are Adam's.
    public var stateName: String { adam.stateName }

    /// Adam's moments.
    public var slots: [OptimizerSlot] { adam.slots }

    /// The update of one step.
    public func update(step: Int, learningRate: Double, gradientScale: Float) -> any ParameterUpdate {
        Update(
            constants: adam.constants(step: step, learningRate: learningRate, gradientScale: gradientScale),
            decay: Float(learningRate * weightDecay))
    }

    private struct Update: ParameterUpdate {
        let constants: dtrain_adam_constants
        let decay: Float

        func apply(to run: ParameterRun) {
            dtrain_adamw(constants, decay, Int64(run.count), run.gradient, run.slot(0), run.slot(1), run.parameters)
        }
    }
}
