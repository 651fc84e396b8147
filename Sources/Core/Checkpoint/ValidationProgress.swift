/// What a training has measured on held-out data so far.
public struct ValidationProgress: Hashable, Sendable, Codable {
    /// The held-out loss after each finished epoch.
    public var epochLosses: [Double] = []
    /// The least held-out loss so far; nil before the first.
    public private(set) var bestLoss: Double?
    /// The step after which it was measured; 0 before the first.
    public private(set) var bestStep = 0
    /// The loss that a measurement must fall below, by more than the least improvement, to count as one; nil before the first.
    public private(set) var reference: Double?
    /// Measurements since the last that counted as an improvement.
    public private(set) var waited = 0

    /// Nothing measured yet.
    public init() {}

    init(epochLosses: [Double], bestLoss: Double?, bestStep: Int, reference: Double?, waited: Int) {
        (self.epochLosses, self.bestLoss, self.bestStep) = (epochLosses, bestLoss, bestStep)
        (self.reference, self.waited) = (reference, waited)
    }

    /// Notes a measurement.
    ///
    /// - Parameters:
    ///   - loss: the held-out loss, a finite number.
    ///   - step: the steps done.
    ///   - minDelta: the improvement, at least 0, that a measurement must exceed to start the patience anew.
    /// - Returns: whether it is the least so far.
    @discardableResult
    public mutating func note(_ loss: Double, step: Int, minDelta: Double = 0) -> Bool {
        if reference.map({ loss < $0 - minDelta }) ?? true {
            (reference, waited) = (loss, 0)
        } else {
            waited += 1
        }
        guard bestLoss.map({ loss < $0 }) ?? true else { return false }
        (bestLoss, bestStep) = (loss, step)
        return true
    }

    /// Whether so many measurements in a row were no improvement.
    public func isExhausted(patience: Int) -> Bool { waited >= patience }
}

extension ValidationProgress {
    /// What contradicts itself; nil when all is well.
    func problem(epochs: Int, step: Int) -> String? {
        guard epochLosses.count == epochs, (0...max(0, step)).contains(bestStep), waited >= 0,
            (bestStep == 0) == (bestLoss == nil), [bestLoss, reference].allSatisfy({ $0?.isFinite ?? true }),
            epochLosses.allSatisfy(\.isFinite)
        else { return "has an impossible record of held-out losses" }
        return nil
    }
}
