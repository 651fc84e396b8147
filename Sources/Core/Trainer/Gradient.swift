/// The gradient of one batch, summed over all ranks.
///
/// A trainer has at most one at a time: apply or discard it before computing the next. It can't be
/// copied, so it can't be applied twice, and its tensors are always those of its batch.
public struct Gradient: ~Copyable {
    /// The batch's mean loss over all tokens, before the step.
    public let loss: Float
    /// The Euclidean norm over all parameters that aren't frozen, before clipping; infinite or NaN
    /// if an element is.
    public let norm: Double
    /// The norm of the elements as stored; it differs from `norm` after clipping by value.
    private var storedNorm: Double
    /// The factor to apply to the stored elements.
    private(set) var scale: Float = 1
    let inputs: GradientInputs

    init(loss: Float, norm: Double, inputs: GradientInputs) {
        self.loss = loss
        self.norm = norm
        storedNorm = norm
        self.inputs = inputs
    }

    deinit { inputs.replica.endStep() }

    /// Scales the gradient down to a norm, as Keras's `global_clipnorm` does; a smaller gradient is
    /// left unchanged.
    ///
    /// A second call replaces the first. After `clip(value:)`, the norm is that of the clipped
    /// elements.
    ///
    /// - Parameter limit: the largest norm over all parameters that aren't frozen.
    /// - Throws: `DTrainError` with `usage` when the limit isn't a positive number; the gradient is
    ///   then unchanged.
    public mutating func clip(norm limit: Double) throws {
        try Self.check(limit)
        scale = storedNorm > limit && storedNorm.isFinite ? Float(limit / storedNorm) : 1
    }

    /// Clips each element to [−limit, limit], after any scaling by `clip(norm:)`.
    ///
    /// - Parameter limit: the largest magnitude of an element.
    /// - Throws: `DTrainError` with `usage` when the limit isn't a positive number; the gradient is
    ///   then unchanged.
    public mutating func clip(value limit: Double) throws {
        try Self.check(limit)
        storedNorm = try inputs.replica.clipGradient(scale: scale, limit: Float(limit))
        scale = 1
    }

    private static func check(_ limit: Double) throws {
        guard limit.isFinite, Float(limit) > 0 else {
            throw DTrainError(.usage, "a gradient can't be clipped to \(limit); give a positive number")
        }
    }

    /// A copy of a parameter tensor's gradient, row-major in the tensor's shape; nil for an unknown
    /// name.
    ///
    /// Use it to inspect a gradient: `gradient["gru.kernel"]`. Gradients of frozen layers aren't
    /// clipped by value.
    public subscript(name: String) -> [Float]? {
        inputs.replica.gradientTensor(name)?.map { $0 * scale }
    }
}

/// The inputs of a gradient, from which this rank's part can be computed again.
struct GradientInputs {
    let replica: Replica
    let batch: Batch
    let loss: RowLoss
    let dropout: Dropout
    let scheduledSampling: Double

    /// Loads the batch into the replica; see `Replica.load`.
    func load() throws {
        try replica.load(batch, for: loss, dropout: dropout, scheduledSampling: scheduledSampling)
    }
}
