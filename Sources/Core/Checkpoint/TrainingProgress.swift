/// How far a training has come: all that a resumed one needs besides weights, moments and settings.
public struct TrainingProgress: Hashable, Sendable, Codable {
    /// The most epochs that a checkpoint can tell of: the losses of all of them are read into memory.
    public static let maximumEpochs = StepCount.maximumEpochs

    /// Finished epochs.
    public var epoch: Int
    /// Optimiser steps done in the epoch that has begun; 0 when it hasn't.
    public var stepInEpoch: Int
    /// Optimiser steps done in all.
    public var step: Int
    /// The mean loss of each finished epoch.
    public var epochLosses: [Double]
    /// The sum of the step losses of the epoch that has begun, exactly as the training had it.
    public var lossSum: Double
    /// What has been measured on held-out data; nil where nothing is held out.
    public var validation: ValidationProgress?

    /// A point in a training; without arguments, its beginning.
    public init(
        epoch: Int = 0, stepInEpoch: Int = 0, step: Int = 0, epochLosses: [Double] = [], lossSum: Double = 0,
        validation: ValidationProgress? = nil
    ) {
        self.epoch = epoch
        self.stepInEpoch = stepInEpoch
        self.step = step
        self.epochLosses = epochLosses
        self.lossSum = lossSum
        self.validation = validation
    }

    /// Counts a step of the epoch that has begun.
    ///
    /// - Parameter loss: the step's mean loss.
    public mutating func add(loss: Float) {
        step += 1
        stepInEpoch += 1
        lossSum += Double(loss)
    }

    /// Finishes the epoch that has begun.
    ///
    /// - Returns: the mean of its steps' losses; nil when it has none, and nothing is counted.
    @discardableResult
    public mutating func endEpoch() -> Double? {
        guard stepInEpoch > 0 else { return nil }
        let loss = lossSum / Double(stepInEpoch)
        epoch += 1
        stepInEpoch = 0
        lossSum = 0
        epochLosses.append(loss)
        return loss
    }
}
