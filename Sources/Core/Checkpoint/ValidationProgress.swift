/// The held-out losses of a run so far.
public struct ValidationProgress: Hashable, Sendable, Codable {
    /// The held-out loss after each finished epoch.
    public var epochLosses: [Double] = []
    /// The lowest held-out loss so far; nil before the first, and if its checkpoint was lost.
    public private(set) var bestLoss: Double?
    /// The number of steps done when it was measured; 0 without one.
    public private(set) var bestStep = 0
    /// The loss at the last improvement, which the next must undercut by more than `minDelta`; nil
    /// before the first.
    public private(set) var reference: Double?
    /// The number of evaluations since the last improvement.
    public private(set) var waited = 0
    /// The step after which a stop interrupted an evaluation; nil if none is pending.
    ///
    /// A resumed training repeats the evaluation first.
    public private(set) var pendingStep: Int?

    /// Creates a record without evaluations.
    public init() {}

    init(
        epochLosses: [Double], bestLoss: Double?, bestStep: Int, reference: Double?, waited: Int,
        pendingStep: Int? = nil
    ) {
        (self.epochLosses, self.bestLoss, self.bestStep) = (epochLosses, bestLoss, bestStep)
        (self.reference, self.waited, self.pendingStep) = (reference, waited, pendingStep)
    }

    /// Records a held-out evaluation.
    ///
    /// - Parameters:
    ///   - loss: the held-out loss, a finite number.
    ///   - step: the number of steps done.
    ///   - minDelta: the decrease, at least 0, that a loss must exceed to count as an improvement
    ///     and reset `waited`.
    /// - Returns: whether the loss is the lowest so far.
    @discardableResult
    public mutating func note(_ loss: Double, step: Int, minDelta: Double = 0) -> Bool {
        pendingStep = nil
        if reference.map({ loss < $0 - minDelta }) ?? true {
            (reference, waited) = (loss, 0)
        } else {
            waited += 1
        }
        guard bestLoss.map({ loss < $0 }) ?? true else { return false }
        (bestLoss, bestStep) = (loss, step)
        return true
    }

    /// Records that a stop interrupted the evaluation after `step` steps.
    package mutating func interrupt(step: Int) { pendingStep = step }

    /// Replaces the lowest loss, whose checkpoint is lost, by an earlier one; by none if that is nil.
    package mutating func replaceBest(by earlier: ValidationProgress?) {
        (bestLoss, bestStep) = (earlier?.bestLoss, earlier?.bestStep ?? 0)
    }

    /// Omits a pending evaluation.
    mutating func skipPending() { pendingStep = nil }

    /// Whether this many evaluations in a row were no improvement.
    public func isExhausted(patience: Int) -> Bool { waited >= patience }
}

extension ValidationProgress {
    /// An inconsistency, phrased to follow the file's name; nil if there is none.
    func problem(epochs: Int, step: Int, stepInEpoch: Int) -> String? {
        guard epochLosses.count == epochs, (0...max(0, step)).contains(bestStep), waited >= 0,
            pendingStep.map({ $0 == step && stepInEpoch > 0 }) ?? true, (bestStep == 0) == (bestLoss == nil),
            [bestLoss, reference].allSatisfy({ $0?.isFinite ?? true }),
            epochLosses.allSatisfy(\.isFinite)
        else { return "has an invalid record of held-out losses" }
        return nil
    }
}
