import DTrainCore
import Testing

@testable import DTrainDistributed

@Suite struct ResumeRulesTests {
    private func check(epoch: Int, stepInEpoch: Int, step: Int, stepsPerEpoch: Int) throws {
        let progress = TrainingProgress(epoch: epoch, stepInEpoch: stepInEpoch, step: step)
        try ResumeRules.check(progress, stepsPerEpoch: stepsPerEpoch, "ckpt")
    }

    @Test(arguments: [(0, 0, 0, 1), (0, 171, 171, 172), (1, 0, 172, 172), (2, 5, 349, 172), (20, 0, 20, 1)])
    func consistentProgressIsAccepted(epoch: Int, stepInEpoch: Int, step: Int, stepsPerEpoch: Int) throws {
        try check(epoch: epoch, stepInEpoch: stepInEpoch, step: step, stepsPerEpoch: stepsPerEpoch)
    }

    /// The measurement after the last step of an epoch belongs to that epoch.
    @Test func aPendingMeasurementMayFollowTheLastStepOfAnEpoch() throws {
        func check(stepInEpoch: Int, step: Int) throws {
            var progress = TrainingProgress(
                epoch: 1, stepInEpoch: stepInEpoch, step: step, validation: ValidationProgress())
            progress.validation?.interrupt(step: step)
            try ResumeRules.check(progress, stepsPerEpoch: 172, "ckpt")
        }
        try check(stepInEpoch: 172, step: 344)
        #expect(throws: DTrainError.self) { try check(stepInEpoch: 173, step: 345) }
    }

    @Test(arguments: [
        (0, 172, 172, 172), (2, 118, 119, 172), (1, 0, Int.max, 172), (1, 0, 0, 172), (2, 118, 118 + 2 * 13, 13),
        (Int.max, 0, 0, 2), (Int.max, 1, Int.min, 2), (3, 0, 3, 0),
    ])
    func inconsistentProgressIsBadData(epoch: Int, stepInEpoch: Int, step: Int, stepsPerEpoch: Int) throws {
        let error = try #require(throws: DTrainError.self) {
            try check(epoch: epoch, stepInEpoch: stepInEpoch, step: step, stepsPerEpoch: stepsPerEpoch)
        }
        #expect(error.category == .badData)
        #expect(error.message.hasPrefix("'ckpt' is inconsistent: step \(step) "))
    }
}
