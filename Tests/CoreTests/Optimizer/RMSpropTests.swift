import Glibc
import Testing

@testable import DTrainCore

@Suite struct RMSpropTests {
    @Test(arguments: SGDTests.sizes, [(0.9, 1e-7), (0.5, 0.25)])
    func stepsFollowTheFormula(count: Int, constants: (rho: Double, epsilon: Double)) throws {
        let (rate, rho, epsilon) = (0.01, constants.rho, constants.epsilon)
        let state = try OptimizerState(RMSprop(rho: rho, epsilon: epsilon), count: count)
        let start = testNumbers(count, salt: 9)
        let weights = try buffer(start)
        var expected = start.map { (weight: Double($0), v: 0.0) }
        for step in 1...5 {
            let gradient = testNumbers(count, salt: UInt32(step))
            state.step(weights, gradient, learningRate: rate)
            for index in 0..<count {
                let g = Double(gradient[index])
                expected[index].v = rho * expected[index].v + (1 - rho) * g * g
                expected[index].weight -= rate * g / sqrt(expected[index].v + epsilon)
                #expect(isClose(Double(state.slots[0][index]), expected[index].v, relative: 1e-5, absolute: 1e-12))
                // A change of at most 0.032 with a few roundings, and the weight's rounding.
                #expect(abs(Double(weights[index]) - expected[index].weight) <= Double(step) * 3 * 0x1p-24)
            }
        }
    }

    /// Unlike Adam's, ε is under the root: g = 3 and v = 0.5·9 give √(4.5 + 4.5) = 3.
    @Test func epsilonIsInsideTheSquareRoot() throws {
        let state = try OptimizerState(RMSprop(rho: 0.5, epsilon: 4.5), count: 1)
        let weights = try buffer([1])
        state.step(weights, [3], learningRate: 0.5)
        #expect(weights[0] == 0.5)
    }

    @Test func defaultsMatchKeras() {
        #expect(RMSprop() == RMSprop(rho: 0.9, epsilon: 1e-7))
    }
}
