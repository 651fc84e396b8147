import CKernels

/// The learning rate of each step: a linear warm-up, then the course of a kind.
///
///     let schedule = LearningRateSchedule(.cosine, learningRate: 0.002, warmupSteps: 100, decaySteps: 3000)
///     try trainer.apply(gradient, learningRate: schedule.rate(step: trainer.step))
///
/// With w warm-up steps, a decay that starts s steps later and takes d steps, i the step from 0 and j = max(0, i − w − s):
///
///     warm-up i < w   lr · i/w
///     linear          lr + (f − lr) · min(j, d)/d
///     cosine          f + (lr − f) · ½ (1 + cos(π · min(j, d)/d))
///     exponential     max(f, lr · r^(j/d))        step: max(f, lr · r^⌊j/d⌋)
///
/// A decay of no step has ended when it starts. The rates are the same doubles on every machine.
public struct LearningRateSchedule: Hashable, Sendable {
    /// The course after the warm-up.
    public var kind: ScheduleKind
    /// The base rate lr.
    public var learningRate: Double
    /// Steps w of the rise from 0.
    public var warmupSteps: Int
    /// Steps s between the warm-up and the decay.
    public var decayStart: Int
    /// Steps d of the decay; of `exponential` and `step`, the period of one factor.
    public var decaySteps: Int
    /// The factor r of a period.
    public var decayRate: Double
    /// The rate f at which the decay ends.
    public var finalLearningRate: Double

    /// A schedule; counts of steps are at least 0 and at most 2⁵³.
    public init(
        _ kind: ScheduleKind = .constant, learningRate: Double = Setting.learningRate.defaultValue,
        warmupSteps: Int = 0, decayStart: Int = 0, decaySteps: Int = 0,
        decayRate: Double = Setting.decayRate.defaultValue, finalLearningRate: Double = 0
    ) {
        (self.kind, self.learningRate) = (kind, learningRate)
        (self.warmupSteps, self.decayStart, self.decaySteps) = (warmupSteps, decayStart, decaySteps)
        (self.decayRate, self.finalLearningRate) = (decayRate, finalLearningRate)
    }

    /// The rate of a step.
    ///
    /// - Parameter step: the steps done before it, `Trainer.step`.
    public func rate(step: Int) -> Double {
        if step < warmupSteps { return learningRate * Double(step) / Double(warmupSteps) }
        guard kind != .constant else { return learningRate }
        guard decaySteps > 0 else { return finalLearningRate }
        return rate(decayedFor: max(0, step - warmupSteps - decayStart))
    }

    /// The rate after j steps of a decay that has at least one.
    private func rate(decayedFor steps: Int) -> Double {
        let done = Double(min(steps, decaySteps)) / Double(decaySteps)
        switch kind {
        case .constant: return learningRate
        case .linear: return learningRate + (finalLearningRate - learningRate) * done
        case .cosine:
            return finalLearningRate + (learningRate - finalLearningRate) * 0.5 * (1 + cosine(turns: done / 2))
        case .exponential:
            return max(finalLearningRate, learningRate * decayRate.raised(to: steps, over: decaySteps))
        case .step: return max(finalLearningRate, learningRate * decayRate.raised(to: steps / decaySteps))
        }
    }

    private func cosine(turns: Double) -> Double {
        var (sine, cosine) = (0.0, 0.0)
        dtrain_sine_cosine(turns, &sine, &cosine)
        return cosine
    }
}
