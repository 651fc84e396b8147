import Testing

@testable import DTrainCore

@Suite struct StepCountTests {
    @Test(arguments: [
        ("500", StepCount.steps(500), "500"), ("0", .steps(0), "0"), ("3epochs", .epochs(3), "3epochs"),
        ("3.0epochs", .epochs(3), "3epochs"), ("0.5epochs", .epochs(0.5), "0.5epochs"),
    ])
    func stepCountsAreParsedAndWritten(text: String, count: StepCount, written: String) {
        #expect(StepCount(text) == count)
        #expect(count.settingText == written)
    }

    @Test(arguments: [
        "", "-1", "1.5", "epochs", "-1epochs", "nanepochs", "infepochs", "3 epochs", "3epoch", "99999999999",
    ])
    func malformedTextsAreNil(text: String) { #expect(StepCount(text) == nil) }

    @Test func epochsAreRoundedToSteps() {
        #expect(StepCount.steps(7).steps(perEpoch: 172) == 7)
        #expect(StepCount.epochs(3).steps(perEpoch: 172) == 516)
        #expect(StepCount.epochs(0.5).steps(perEpoch: 37) == 19)
        #expect(StepCount.epochs(0.1).steps(perEpoch: 4) == 0)
    }
}
