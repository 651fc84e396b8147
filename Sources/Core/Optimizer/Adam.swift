import CKernels

/// Adam with Keras's formula: α_t = lr·√(1−β2^t)/(1−β1^t); θ −= α_t·m/(√v + ε).
///
/// Kingma & Ba 2015, section 2, last paragraph.
public struct Adam: Optimizer, Hashable {
    /// The decay rate of the first moments.
    public var beta1: Double
    /// The decay rate of the second moments.
    public var beta2: Double
    /// The constant added to the square root of the second moment.
    public var epsilon: Double

    /// Creates an optimizer; the defaults are Keras's.
    public init(beta1: Double = 0.9, beta2: Double = 0.999, epsilon: Double = 1e-7) {
        (self.beta1, self.beta2, self.epsilon) = (beta1, beta2, epsilon)
    }

    /// `adam`.
    public var stateName: String { "adam" }

    /// The first moments m and the second moments v.
    public var slots: [OptimizerSlot] {
        [OptimizerSlot(name: "m", title: "first moments"), OptimizerSlot(name: "v", title: "second moments")]
    }

    /// The update of one step.
    public func update(step: Int, learningRate: Double, gradientScale: Float) -> any ParameterUpdate {
        Update(constants: constants(step: step, learningRate: learningRate, gradientScale: gradientScale))
    }

    /// The constants of one step; α_t is computed in double precision.
    func constants(step: Int, learningRate: Double, gradientScale: Float) -> dtrain_adam_constants {
        let alpha = learningRate * (1 - beta2.raised(to: step)).squareRoot() / (1 - beta1.raised(to: step))
        return dtrain_adam_constants(
            scale: gradientScale, one_minus_beta1: Float(1 - beta1), one_minus_beta2: Float(1 - beta2),
            alpha: Float(alpha), epsilon: Float(epsilon))
    }

    private struct Update: ParameterUpdate {
        let constants: dtrain_adam_constants

        func apply(to run: ParameterRun) {
            dtrain_adam(constants, Int64(run.count), run.gradient, run.slot(0), run.slot(1), run.parameters)
        }
    }
}
