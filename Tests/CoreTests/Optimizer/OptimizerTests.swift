import Testing

@testable import DTrainCore

/// Properties of every optimizer.
@Suite struct OptimizerTests {
    static let all: [any Optimizer] = [Adam(), SGD(), SGD(momentum: 0.9), AdamW(), RMSprop()]

    @Test(arguments: all.indices, [[0, 500, 1000], [0, 1, 17, 333, 334, 1000], [0, 999, 1000]])
    func bitsDoNotDependOnHowTheParametersAreSplit(optimizer: Int, bounds: [Int]) throws {
        func train(_ bounds: [Int]) throws -> [[UInt32]] {
            let state = try OptimizerState(Self.all[optimizer], count: 1000)
            let parameters = try buffer(testNumbers(1000, salt: 99))
            for step in 1...3 {
                let gradient = testNumbers(1000, salt: UInt32(step))
                for (first, end) in zip(bounds, bounds.dropFirst()) {
                    state.update(
                        first..<end, of: parameters, gradient: Array(gradient[first..<end]), learningRate: 0.01)
                }
                state.steps += 1
            }
            return ([parameters] + state.slots).map { bits($0.elements) }
        }
        #expect(try train(bounds) == train([0, 1000]))
    }

    @Test(arguments: all.indices)
    func aCopiedStateGivesTheSameNextStep(optimizer: Int) throws {
        let count = 50
        let (through, resumed) = (
            try OptimizerState(Self.all[optimizer], count: count), try OptimizerState(Self.all[optimizer], count: count)
        )
        let parameters = try buffer(testNumbers(count, salt: 99))
        for step in 1...2 { through.step(parameters, testNumbers(count, salt: UInt32(step)), learningRate: 0.01) }
        let copy = try buffer(Array(parameters.elements))
        for (target, source) in zip(resumed.slots, through.slots) {
            _ = target.elements.update(from: source.elements)
        }
        resumed.steps = through.steps
        let gradient = testNumbers(count, salt: 3)
        through.step(parameters, gradient, learningRate: 0.01)
        resumed.step(copy, gradient, learningRate: 0.01)
        #expect(bits(copy.elements) == bits(parameters.elements))
    }

    /// Halving is exact, so the result has the bits of the halved gradient.
    @Test(arguments: all.indices)
    func theGradientIsScaledBeforeTheUpdate(optimizer: Int) throws {
        func train(_ gradient: [Float], scale: Float) throws -> [[UInt32]] {
            let state = try OptimizerState(Self.all[optimizer], count: 77)
            let parameters = try buffer(testNumbers(77, salt: 99))
            for _ in 0..<2 { state.step(parameters, gradient, learningRate: 0.01, gradientScale: scale) }
            return ([parameters] + state.slots).map { bits($0.elements) }
        }
        let gradient = testNumbers(77)
        #expect(try train(gradient, scale: 0.5) == train(gradient.map { $0 / 2 }, scale: 1))
        #expect(try train(gradient, scale: 0.5) != train(gradient, scale: 1))
    }
}
