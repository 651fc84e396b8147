import Glibc
import Testing

@testable import DTrainCore

@Suite struct AdamWTests {
    /// Compares with the formula in Double: the weight decay, then Adam's step.
    @Test(arguments: SGDTests.sizes)
    func stepsFollowTheFormula(count: Int) throws {
        let (rate, decay, beta1, beta2, epsilon) = (0.01, 0.3, 0.8, 0.95, 1e-4)
        let state = try OptimizerState(
            AdamW(beta1: beta1, beta2: beta2, epsilon: epsilon, weightDecay: decay), count: count)
        let start = testNumbers(count, salt: 9)
        let weights = try buffer(start)
        var expected = start.map { (weight: Double($0), m: 0.0, v: 0.0) }
        for step in 1...5 {
            let gradient = testNumbers(count, salt: UInt32(step))
            state.step(weights, gradient, learningRate: rate)
            let alpha = rate * sqrt(1 - pow(beta2, Double(step))) / (1 - pow(beta1, Double(step)))
            for index in 0..<count {
                let g = Double(gradient[index])
                var (weight, m, v) = expected[index]
                m = beta1 * m + (1 - beta1) * g
                v = beta2 * v + (1 - beta2) * g * g
                weight -= rate * decay * weight
                weight -= alpha * m / (sqrt(v) + epsilon)
                expected[index] = (weight, m, v)
                // A decay of 0.3 % and a change of up to 1 %, each with a few roundings of single precision.
                #expect(abs(Double(weights[index]) - weight) <= Double(step) * 3 * 0x1p-24)
            }
        }
        // Without the decay the change would be 1.5 % of the weight.
        if count > 100 { #expect(zip(start, weights.elements).contains { abs($0 - $1) > 0.02 }) }
    }

    @Test func zeroWeightDecayGivesTheBitsOfAdam() throws {
        let optimizers: [any Optimizer] = [AdamW(weightDecay: 0), Adam()]
        let results = try optimizers.map { optimizer in
            let state = try OptimizerState(optimizer, count: 333)
            let weights = try buffer(testNumbers(333, salt: 99))
            for step in 1...4 { state.step(weights, testNumbers(333, salt: UInt32(step)), learningRate: 0.01) }
            return ([weights] + state.slots).map { bits($0.elements) }
        }
        #expect(results[0] == results[1])
    }

    /// A weight without gradient shrinks by the factor 1 − lr·λ per step.
    @Test func aWeightWithoutGradientDecays() throws {
        let state = try OptimizerState(AdamW(weightDecay: 0.5), count: 1)
        let weights = try buffer([8])
        state.step(weights, [0], learningRate: 0.25)
        #expect(weights[0] == 7)
    }

    @Test func defaultsMatchKeras() {
        #expect(AdamW().adam == Adam())
        #expect(AdamW().weightDecay == 0.004)
    }
}
