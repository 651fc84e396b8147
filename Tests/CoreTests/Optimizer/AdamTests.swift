import Glibc
import Testing

@testable import DTrainCore

@Suite struct AdamTests {
    /// Keras's formula in Double for one element.
    private struct Reference {
        var weight: Double
        var m = 0.0
        var v = 0.0

        mutating func step(_ t: Int, _ g: Double, _ adam: Adam, learningRate: Double) {
            m = adam.beta1 * m + (1 - adam.beta1) * g
            v = adam.beta2 * v + (1 - adam.beta2) * g * g
            let rate = learningRate * sqrt(1 - pow(adam.beta2, Double(t))) / (1 - pow(adam.beta1, Double(t)))
            weight -= rate * m / (sqrt(v) + adam.epsilon)
        }
    }

    /// Gradients of magnitudes from far below ε to far above 1.
    private func gradient(_ count: Int, step: Int) -> [Float] {
        testNumbers(count, salt: UInt32(step)).enumerated().map { $1 * powf(10, Float($0 % 11 - 9)) }
    }

    @Test(arguments: [0.001, 0.1])
    func stepsFollowTheFormula(learningRate: Double) throws {
        let (count, adam) = (77, Adam())
        let state = try OptimizerState(adam, count: count)
        let start = testNumbers(count, salt: 99)
        let weights = try buffer(start)
        var references = start.map { Reference(weight: Double($0)) }
        for step in 1...6 {
            let gradient = gradient(count, step: step)
            state.step(weights, gradient, learningRate: learningRate)
            for index in 0..<count {
                references[index].step(step, Double(gradient[index]), adam, learningRate: learningRate)
                let expected = references[index]
                #expect(isClose(Double(state.slots[0][index]), expected.m, relative: 1e-5, absolute: 1e-12))
                #expect(isClose(Double(state.slots[1][index]), expected.v, relative: 1e-5, absolute: 1e-24))
                // Rounding errors of the weight and of its total change.
                let tolerance = Double(step) * (0x1p-24 + 4e-6 * learningRate)
                #expect(abs(Double(weights[index]) - expected.weight) <= tolerance)
            }
        }
    }

    /// In the first step m = (1 − β1) g and √v = √(1 − β2) |g|.
    @Test func customHyperparametersAreUsed() throws {
        let adam = Adam(beta1: 0.7, beta2: 0.95, epsilon: 0.01)
        let gradient = testNumbers(33)
        let weights = try buffer([Float](repeating: 0, count: 33))
        let state = try OptimizerState(adam, count: 33)
        state.step(weights, gradient, learningRate: 0.5)
        for index in 0..<33 {
            let g = Double(gradient[index])
            let root = sqrt(1 - adam.beta2)
            #expect(isClose(Double(state.slots[0][index]), 0.3 * g, relative: 1e-6, absolute: 0))
            #expect(isClose(Double(state.slots[1][index]), 0.05 * g * g, relative: 1e-6, absolute: 0))
            let move: Double = 0.5 * root * g / (root * abs(g) + adam.epsilon)
            #expect(isClose(Double(weights[index]), -move, relative: 1e-6, absolute: 0))
        }
    }

    @Test func defaultsMatchKeras() {
        let adam = Adam()
        #expect(adam.beta1 == 0.9)
        #expect(adam.beta2 == 0.999)
        #expect(adam.epsilon == 1e-7)
    }

    @Test func theFirstStepHasTheSizeOfTheLearningRate() throws {
        let weights = try buffer([0, 0, 0])
        try OptimizerState(Adam(), count: 3).step(weights, [1000, -0.25, 0], learningRate: 0.5)
        #expect(abs(weights[0] + 0.5) < 1e-5)
        #expect(abs(weights[1] - 0.5) < 1e-5)
        #expect(weights[2] == 0)
    }
}
