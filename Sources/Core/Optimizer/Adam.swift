import CKernels
import Glibc

/// Adam with Keras's formula: α_t = lr·√(1−β2^t)/(1−β1^t); θ −= α_t·m/(√v + ε) (Kingma & Ba 2015, section 2, last paragraph).
public final class Adam: @unchecked Sendable {
    /// The hyper-parameters; the defaults are Keras's.
    public struct Configuration: Hashable, Sendable {
        /// Learning rate, above 0.
        public var learningRate = 1e-3
        /// Decay of the first moments.
        public var beta1 = 0.9
        /// Decay of the second moments.
        public var beta2 = 0.999
        /// Added to the root of the second moment.
        public var epsilon = 1e-7

        /// The defaults with another learning rate.
        public init(learningRate: Double = 1e-3) {
            self.learningRate = learningRate
        }
    }

    /// The hyper-parameters.
    public let configuration: Configuration
    /// First moments, in the layout of the parameters.
    public let m: AlignedBuffer<Float>
    /// Second moments.
    public let v: AlignedBuffer<Float>
    /// Steps taken; set when training is resumed.
    public var steps = 0

    /// Starts with zero moments.
    public init(count: Int, configuration: Configuration) throws {
        self.configuration = configuration
        m = try AlignedBuffer(count: count)
        v = try AlignedBuffer(count: count)
    }

    /// The constants of the coming step, the (steps + 1)-th, for a gradient that is to be multiplied by `scale` first.
    func constants(scale: Float = 1) -> dtrain_adam_constants {
        let t = Double(steps + 1)
        let alpha =
            configuration.learningRate * (1 - pow(configuration.beta2, t)).squareRoot()
            / (1 - pow(configuration.beta1, t))
        return dtrain_adam_constants(
            scale: scale, one_minus_beta1: Float(1 - configuration.beta1),
            one_minus_beta2: Float(1 - configuration.beta2), alpha: Float(alpha), epsilon: Float(configuration.epsilon))
    }

    /// Updates a range of the parameters; ranges may go to different threads.
    ///
    /// The caller counts the step when all are done.
    ///
    /// - Parameters:
    ///   - gradient: the range's alone.
    ///   - constants: of this step.
    func update(
        _ range: Range<Int>, parameters: UnsafeMutablePointer<Float>, gradient: UnsafePointer<Float>,
        constants: dtrain_adam_constants
    ) {
        let first = range.lowerBound
        dtrain_adam(
            constants, Int64(range.count), gradient, m.pointer + first, v.pointer + first, parameters + first)
    }
}
