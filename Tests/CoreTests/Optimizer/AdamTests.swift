import Glibc
import Testing

@testable import DTrainCore

@Suite struct AdamTests {
    /// Keras's formula in Double, one element.
    private struct Reference {
        var weight: Double
        var m = 0.0
        var v = 0.0

        mutating func step(_ t: Int, _ g: Double, _ configuration: Adam.Configuration) {
            let (beta1, beta2) = (configuration.beta1, configuration.beta2)
            m = beta1 * m + (1 - beta1) * g
            v = beta2 * v + (1 - beta2) * g * g
            let rate = configuration.learningRate * sqrt(1 - pow(beta2, Double(t))) / (1 - pow(beta1, Double(t)))
            weight -= rate * m / (sqrt(v) + configuration.epsilon)
        }
    }

    /// Gradients from far below ε to far above 1.
    private func gradient(_ count: Int, step: Int) -> [Float] {
        testNumbers(count, salt: UInt32(step)).enumerated().map { $1 * powf(10, Float($0 % 11 - 9)) }
    }

    @Test(arguments: [0.001, 0.1])
    func stepsFollowTheFormula(learningRate: Double) throws {
        let count = 77
        let configuration = Adam.Configuration(learningRate: learningRate)
        let adam = try Adam(count: count, configuration: configuration)
        let start = testNumbers(count, salt: 99)
        let weights = try buffer(start)
        var references = start.map { Reference(weight: Double($0)) }
        for step in 1...6 {
            let gradient = gradient(count, step: step)
            adam.update(weights, gradient)
            adam.steps += 1
            for index in 0..<count {
                references[index].step(step, Double(gradient[index]), configuration)
                let expected = references[index]
                #expect(isClose(Double(adam.m[index]), expected.m, relative: 1e-5, absolute: 1e-12))
                #expect(isClose(Double(adam.v[index]), expected.v, relative: 1e-5, absolute: 1e-24))
                // Rounding of the weight itself, and of the distance that it went.
                let tolerance = Double(step) * (0x1p-24 + 4e-6 * learningRate)
                #expect(abs(Double(weights[index]) - expected.weight) <= tolerance)
            }
        }
    }

    @Test func defaultsAreKerass() {
        let configuration = Adam.Configuration()
        #expect(configuration.learningRate == 1e-3)
        #expect(configuration.beta1 == 0.9)
        #expect(configuration.beta2 == 0.999)
        #expect(configuration.epsilon == 1e-7)
    }

    @Test func firstStepMovesByTheLearningRateWhateverTheGradient() throws {
        let adam = try Adam(count: 3, configuration: Adam.Configuration(learningRate: 0.5))
        let weights = try buffer([0, 0, 0])
        adam.update(weights, [1000, -0.25, 0])
        #expect(abs(weights[0] + 0.5) < 1e-5)
        #expect(abs(weights[1] - 0.5) < 1e-5)
        #expect(weights[2] == 0)
    }

    @Test(arguments: [[0, 500, 1000], [0, 1, 17, 333, 334, 1000], [0, 999, 1000]])
    func bitsDoNotDependOnHowTheRangeIsSplit(bounds: [Int]) throws {
        func train(_ bounds: [Int]) throws -> [[UInt32]] {
            let adam = try Adam(count: 1000, configuration: Adam.Configuration())
            let weights = try buffer(testNumbers(1000, salt: 99))
            for step in 1...3 {
                let gradient = gradient(1000, step: step)
                for (first, end) in zip(bounds, bounds.dropFirst()) {
                    adam.update(
                        first..<end, parameters: weights.pointer, gradient: Array(gradient[first..<end]),
                        constants: adam.constants())
                }
                adam.steps += 1
            }
            return [bits(weights.elements), bits(adam.m.elements), bits(adam.v.elements)]
        }
        #expect(try train(bounds) == train([0, 1000]))
    }

    @Test func stateTakenOverGoesOnTheSame() throws {
        let count = 50
        let (through, resumed) = (
            try Adam(count: count, configuration: Adam.Configuration()),
            try Adam(count: count, configuration: Adam.Configuration())
        )
        let weights = try buffer(testNumbers(count, salt: 99))
        for step in 1...2 {
            through.update(weights, gradient(count, step: step))
            through.steps += 1
        }
        let copy = try buffer(Array(weights.elements))
        _ = resumed.m.elements.update(from: through.m.elements)
        _ = resumed.v.elements.update(from: through.v.elements)
        resumed.steps = through.steps
        through.update(weights, gradient(count, step: 3))
        resumed.update(copy, gradient(count, step: 3))
        #expect(bits(copy.elements) == bits(weights.elements))
    }
}

extension Adam {
    /// Updates all parameters.
    fileprivate func update(_ parameters: AlignedBuffer<Float>, _ gradient: [Float]) {
        update(0..<gradient.count, parameters: parameters.pointer, gradient: gradient, constants: constants())
    }
}
