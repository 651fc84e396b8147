import CKernels

/// The learning rate as a function of the step: a linear warm-up, then a constant rate or a decay.
///
///     let schedule = LearningRateSchedule(
///         .cosine, learningRate: 0.002, warmupSteps: 100, decaySteps: 3000)
///     try trainer.apply(gradient, learningRate: schedule.rate(step: trainer.step))
///
/// With w warm-up steps, a decay that starts s steps later and takes d steps, i the step from 0 and
/// j = max(0, i − w − s):
///
///     warm-up i < w   lr · i/w
///     linear          lr + (f − lr) · min(j, d)/d
///     cosine          f + (lr − f) · ½ (1 + cos(π · min(j, d)/d))
///     exponential     max(f, lr · r^(j/d))        step: max(f, lr · r^⌊j/d⌋)
///
/// A decay of zero steps ends where it starts. The rates are the same doubles on every machine.
public struct LearningRateSchedule: Hashable, Sendable {
    /// The kind of schedule after the warm-up.
    public var kind: ScheduleKind
    /// The base rate lr.
    public var learningRate: Double
    /// The number w of warm-up steps, over which the rate rises from 0.
    public var warmupSteps: Int
    /// The number s of steps between the warm-up and the decay.
    public var decayStart: Int
    /// The number d of steps in the decay; for `exponential` and `step`, the steps per factor.
    public var decaySteps: Int
    /// The factor r by which the rate falls every d steps.
    public var decayRate: Double
    /// The rate f at the end of the decay.
    public var finalLearningRate: Double

    /// Creates a schedule; step counts range from 0 to 2⁵³.
    public init(
        _ kind: ScheduleKind = .constant, learningRate: Double = Setting.learningRate.defaultValue,
        warmupSteps: Int = 0, decayStart: Int = 0, decaySteps: Int = 0,
        decayRate: Double = Setting.decayRate.defaultValue, finalLearningRate: Double = 0
    ) {
        (self.kind, self.learningRate) = (kind, learningRate)
        (self.warmupSteps, self.decayStart, self.decaySteps) = (warmupSteps, decayStart, decaySteps)
        (self.decayRate, self.finalLearningRate) = (decayRate, finalLearningRate)
    }

    /// The learning rate of a step.
    ///
    /// - Parameter step: the number of steps before it, as in `Trainer.step`.
    public func rate(step: Int) -> Double {
        if step < warmupSteps { return learningRate * Double(step) / Double(warmupSteps) }
        guard kind != .constant, step >= warmupSteps + decayStart else { return learningRate }
        guard decaySteps > 0 else { return finalLearningRate }
        return rate(decayedFor: step - warmupSteps - decayStart)
    }

    /// The rate after j steps of decay; the decay must have at least one step.
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
