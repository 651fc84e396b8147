import Testing

@testable import DTrainCore

/// The lowest loss and the patience of early stopping.
///
/// The patience follows Keras's rule; any improvement lowers the lowest loss.
@Suite struct ValidationProgressTests {
    private func expect(_ isLowest: Bool, _ noted: Bool) { #expect(noted == isLowest) }

    @Test func theLowestLossAndTheWaitAreRecorded() {
        var progress = ValidationProgress()
        expect(true, progress.note(2, step: 10))
        expect(false, progress.note(2, step: 20))
        #expect(progress.waited == 1 && progress.bestStep == 10)
        expect(true, progress.note(1.5, step: 30))
        #expect((progress.bestLoss, progress.bestStep, progress.waited) == (1.5, 30, 0))
    }

    /// A small improvement lowers the lowest loss without resetting the patience.
    @Test func smallImprovementsDoNotResetThePatience() {
        var progress = ValidationProgress()
        progress.note(2, step: 1, minDelta: 0.1)
        expect(true, progress.note(1.95, step: 2, minDelta: 0.1))
        expect(true, progress.note(1.91, step: 3, minDelta: 0.1))
        #expect(progress.isExhausted(patience: 2) && !progress.isExhausted(patience: 3))
        expect(true, progress.note(1.89, step: 4, minDelta: 0.1))
        #expect(progress.waited == 0)
    }

    @Test func anEvaluationIsNoLongerPendingOnceItIsDone() {
        var progress = ValidationProgress()
        progress.interrupt(step: 10)
        #expect(progress.pendingStep == 10 && progress.bestLoss == nil)
        progress.note(2, step: 10)
        #expect(progress.pendingStep == nil && progress.bestStep == 10)
    }

    @Test func inconsistentRecordsAreRejected() {
        func problem(
            _ losses: [Double], best: Double?, at step: Int, waited: Int = 0, pending: Int? = nil, stepInEpoch: Int = 4
        ) -> String? {
            ValidationProgress(
                epochLosses: losses, bestLoss: best, bestStep: step, reference: best, waited: waited,
                pendingStep: pending
            ).problem(epochs: 1, step: 9, stepInEpoch: stepInEpoch)
        }
        #expect(problem([2], best: 2, at: 9) == nil)
        #expect(problem([], best: 2, at: 9) != nil)
        #expect(problem([2], best: 2, at: 10) != nil)
        #expect(problem([2], best: nil, at: 9) != nil)
        #expect(problem([2], best: 2, at: 9, waited: -1) != nil)
        #expect(problem([.infinity], best: 2, at: 9) != nil)
        #expect(problem([2], best: 2, at: 5, pending: 9) == nil)
        #expect(problem([2], best: 2, at: 5, pending: 8) != nil)
        #expect(problem([2], best: 2, at: 5, pending: 9, stepInEpoch: 0) != nil)
    }
}
