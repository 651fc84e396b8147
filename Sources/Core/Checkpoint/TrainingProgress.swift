/// The progress of a run: everything that resuming needs besides weights, optimizer state and
/// settings.
public struct TrainingProgress: Hashable, Sendable, Codable {
    /// The largest number of epochs in a checkpoint, which bounds the memory for their losses.
    public static let maximumEpochs = StepCount.maximumEpochs

    /// The number of finished epochs.
    public var epoch: Int
    /// The number of optimizer steps done in the current epoch; 0 at its start.
    public var stepInEpoch: Int
    /// The total number of optimizer steps done.
    public var step: Int
    /// The mean loss of each finished epoch.
    public var epochLosses: [Double]
    /// The sum of the step losses in the current epoch, with the exact bits of the run.
    public var lossSum: Double
    /// The held-out losses so far; nil if nothing is held out.
    public var validation: ValidationProgress?

    /// Creates the progress at a point in a run, by default at its start.
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

    /// Counts a step of the current epoch.
    ///
    /// A pending measurement of the held-out loss after an earlier step is omitted.
    ///
    /// - Parameter loss: the step's mean loss.
    public mutating func add(loss: Float) {
        step += 1
        stepInEpoch += 1
        lossSum += Double(loss)
        validation?.skipPending()
    }

    /// Finishes the current epoch.
    ///
    /// - Returns: the mean of its step losses; nil if it has no steps, in which case nothing
    ///   changes.
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
