import Glibc
import Testing

@testable import DTrainCore

@Suite struct LearningRateScheduleTests {
    /// A schedule of 4 warm-up steps, 6 steps at the base rate, and 8 decay steps.
    private func schedule(_ kind: ScheduleKind, final: Double = 0) -> LearningRateSchedule {
        LearningRateSchedule(
            kind, learningRate: 0.5, warmupSteps: 4, decayStart: 6, decaySteps: 8, decayRate: 0.25,
            finalLearningRate: final)
    }

    @Test(arguments: ScheduleKind.allCases)
    func warmupIsLinearThenTheRateIsConstant(kind: ScheduleKind) {
        let rates = (0...10).map { schedule(kind).rate(step: $0) }
        #expect(rates == [0, 0.125, 0.25, 0.375, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5])
    }

    private typealias Decay = (kind: ScheduleKind, final: Double, expected: [Double])

    private static let root = 2.0.squareRoot()

    /// (1 + cos 45°) / 2 = (2 + √2) / 4.
    private static let cosines: [Decay] = [
        (.cosine, 0, [0.5, (2 + root) / 8, 0.25, (2 - root) / 8, 0, 0]),
        (.cosine, 0.1, [0.5, 0.1 + 0.1 * (2 + root), 0.3, 0.1 + 0.1 * (2 - root), 0.1, 0.1]),
    ]

    /// 4^(−¼) = 1/√2.
    private static let powers: [Decay] = [
        (.exponential, 0, [0.5, 0.5 / root, 0.25, 0.25 / root, 0.125, 0x1p-201]),
        (.exponential, 0.3, [0.5, 0.5 / root, 0.3, 0.3, 0.3, 0.3]),
        (.step, 0, [0.5, 0.5, 0.5, 0.5, 0.125, 0x1p-201]), (.step, 0.3, [0.5, 0.5, 0.5, 0.5, 0.3, 0.3]),
    ]

    private static let lines: [Decay] = [
        (.constant, 0, [0.5, 0.5, 0.5, 0.5, 0.5, 0.5]), (.linear, 0, [0.5, 0.375, 0.25, 0.125, 0, 0]),
        (.linear, 0.1, [0.5, 0.4, 0.3, 0.2, 0.1, 0.1]),
    ]

    /// Checks the rates at 0, ¼, ½, ¾ of the decay, at its end, and far beyond.
    @Test(arguments: lines + cosines + powers)
    func theDecayFollowsItsClosedForm(kind: ScheduleKind, final: Double, expected: [Double]) {
        for (step, rate) in zip([10, 12, 14, 16, 18, 10 + 8 * 100], expected) {
            let found = schedule(kind, final: final).rate(step: step)
            #expect(isClose(found, rate, relative: 1e-14, absolute: 1e-17), "\(step)")
        }
    }

    @Test(arguments: [ScheduleKind.linear, .cosine])
    func aDecayOfZeroStepsEndsWhereItStarts(kind: ScheduleKind) {
        let schedule = LearningRateSchedule(
            kind, learningRate: 0.5, warmupSteps: 2, decayStart: 3, decaySteps: 0, finalLearningRate: 0.125)
        #expect((0...6).map { schedule.rate(step: $0) } == [0, 0.25, 0.5, 0.5, 0.5, 0.125, 0.125])
    }

    /// Otherwise the rate would be the final one from the first step on.
    @Test func aPartOfAnEpochIsAtLeastOneStep() {
        var settings = Settings()
        (settings[.schedule], settings[.decaySteps]) = (.step, .epochs(0.001))
        #expect(settings.schedule(stepsPerEpoch: 100, horizon: 200).decaySteps == 1)
    }

    @Test func powersMatchTheCLibrary() {
        for numerator in [0, 1, 2, 5, 7, 100, 9999, 1 << 40] {
            for denominator in [1, 2, 3, 7, 1000, Int.max] {
                for base in [0.9, 0.25, 0.999_999, 1] {
                    let expected = pow(base, Double(numerator) / Double(denominator))
                    let found = base.raised(to: numerator, over: denominator)
                    // The exponent of `pow` is rounded.
                    let slack = 1e-14 + 0x1p-52 * abs(log(base)) * Double(numerator) / Double(denominator)
                    let power = "\(base)^\(numerator)/\(denominator)"
                    #expect(isClose(found, expected, relative: slack, absolute: 1e-300), "\(power)")
                }
            }
        }
    }

    /// No division by zero occurs, and every rate stays in range.
    @Test(arguments: ScheduleKind.allCases, [(0, 0, 0), (100, 0, 0), (0, 0, 1), (3, 5, 1000), (0, 1 << 53, 1 << 53)])
    func everyRateLiesBetweenZeroAndTheBase(kind: ScheduleKind, steps: (warmup: Int, start: Int, decay: Int)) {
        let schedule = LearningRateSchedule(
            kind, learningRate: 0.002, warmupSteps: steps.warmup, decayStart: steps.start, decaySteps: steps.decay)
        for step in Array(0...1100) + [1 << 40] {
            let rate = schedule.rate(step: step)
            #expect(rate >= 0 && rate <= 0.002, "\(step): \(rate)")
        }
    }

    @Test func scheduleSettingsTakeStepsAndEpochs() {
        var settings = Settings()
        #expect(settings.schedule(stepsPerEpoch: 10, horizon: 200) == LearningRateSchedule(decaySteps: 200))
        settings[.schedule] = .cosine
        settings[.learningRate] = 0.01
        settings[.warmupSteps] = .epochs(0.5)
        settings[.decayStart] = .steps(20)
        settings[.finalLearningRate] = 0.001
        let schedule = LearningRateSchedule(
            .cosine, learningRate: 0.01, warmupSteps: 5, decayStart: 20, decaySteps: 175, finalLearningRate: 0.001)
        #expect(settings.schedule(stepsPerEpoch: 10, horizon: 200) == schedule)
        settings[.decaySteps] = .epochs(3)
        #expect(settings.schedule(stepsPerEpoch: 10, horizon: 200).decaySteps == 30)
        // A warm-up longer than the training leaves no decay.
        (settings[.decaySteps], settings[.warmupSteps]) = (nil, .epochs(50))
        #expect(settings.schedule(stepsPerEpoch: 10, horizon: 200).decaySteps == 0)
        #expect(settings.horizon(stepsPerEpoch: 10) == 200)
    }
}
