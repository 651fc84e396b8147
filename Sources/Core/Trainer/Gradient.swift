/// The gradient of one batch, summed over all ranks, ready to be applied.
///
/// A trainer has one at a time: apply it or let it go before asking for the next. It can't be copied, so it can't be applied
/// twice, and the tensors that it shows are those of its batch.
public struct Gradient: ~Copyable {
    /// The batch's mean loss over all tokens, before the step.
    public let loss: Float
    /// The Euclidean norm over all parameters that aren't frozen, before any clipping; infinite or NaN when an element is.
    public let norm: Double
    /// The norm of the elements as they are stored: `norm`, until they are clipped by value.
    private var storedNorm: Double
    /// The factor that is still to be applied.
    private(set) var scale: Float = 1
    let work: StepWork

    init(loss: Float, norm: Double, work: StepWork) {
        self.loss = loss
        self.norm = norm
        storedNorm = norm
        self.work = work
    }

    deinit { work.replica.endStep() }

    /// Scales the gradient down to a norm, as Keras's `global_clipnorm`; one that is shorter stays as it is.
    ///
    /// A second call replaces the first. After `clip(value:)` the norm is that of the clipped elements.
    ///
    /// - Parameter limit: the largest norm over all parameters.
    /// - Throws: `DTrainError` with `usage` when the limit isn't a positive number; the gradient is unchanged then.
    public mutating func clip(norm limit: Double) throws {
        try Self.check(limit)
        scale = storedNorm > limit && storedNorm.isFinite ? Float(limit / storedNorm) : 1
    }

    /// Limits each element to [−limit, limit], after any scaling by `clip(norm:)`.
    ///
    /// - Parameter limit: the largest magnitude of an element.
    /// - Throws: `DTrainError` with `usage` when the limit isn't a positive number; the gradient is unchanged then.
    public mutating func clip(value limit: Double) throws {
        try Self.check(limit)
        storedNorm = try work.replica.clipGradient(scale: scale, limit: Float(limit))
        scale = 1
    }

    private static func check(_ limit: Double) throws {
        guard limit.isFinite, Float(limit) > 0 else {
            throw DTrainError(.usage, "a gradient can't be clipped to \(limit); give a positive number")
        }
    }

    /// The gradient of a parameter tensor, row-major in the tensor's shape; nil for a name that the model doesn't have.
    ///
    /// A copy, for a look at it: `gradient["gru.kernel"]`. That of a frozen layer isn't clipped by value.
    public subscript(name: String) -> [Float]? {
        work.replica.gradientTensor(name)?.map { $0 * scale }
    }
}

/// What a gradient was computed from; enough to compute this rank's part again.
struct StepWork {
    let replica: Replica
    let batch: Batch
    let loss: RowLoss
    let dropout: Dropout
    let scheduledSampling: Double

    /// Reads the batch again or for the first time, as `Replica.load`.
    func load() throws {
        try replica.load(batch, for: loss, dropout: dropout, scheduledSampling: scheduledSampling)
    }
}
