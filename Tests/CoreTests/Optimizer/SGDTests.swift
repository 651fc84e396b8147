import Testing

@testable import DTrainCore

@Suite struct SGDTests {
    /// Sizes with full vectors of every width, remainders, and no elements.
    static let sizes = [0, 1, 7, 8, 15, 16, 33, 77, 1003]

    @Test(arguments: sizes, [0.001, 0.3])
    func plainSGDFollowsTheGradient(count: Int, learningRate: Double) throws {
        let (start, gradient) = (testNumbers(count, salt: 9), testNumbers(count, salt: 1))
        let parameters = try buffer(start)
        let state = try OptimizerState(SGD(), count: count)
        for _ in 0..<2 { state.step(parameters, gradient, learningRate: learningRate) }
        for index in 0..<count {
            let expected = Double(start[index]) - 2 * learningRate * Double(gradient[index])
            // Each step rounds the rate and the velocity (both at most 0.3) and the parameter (below 2).
            let tolerance: Double = 3.2 * 0x1p-24
            #expect(abs(Double(parameters[index]) - expected) <= tolerance)
        }
    }

    /// Unrolled over three steps: m₃ = −lr (μ²g₁ + μg₂ + g₃);
    /// p₃ = p₀ − lr ((1 + μ + μ²) g₁ + (1 + μ) g₂ + g₃).
    @Test(arguments: sizes, [0.5, 0.9])
    func momentumAccumulatesEarlierSteps(count: Int, momentum: Double) throws {
        let learningRate = 0.05
        let start = testNumbers(count, salt: 9)
        let gradients = (1...3).map { testNumbers(count, salt: $0) }
        let parameters = try buffer(start)
        let state = try OptimizerState(SGD(momentum: momentum), count: count)
        for gradient in gradients { state.step(parameters, gradient, learningRate: learningRate) }
        for index in 0..<count {
            let g = gradients.map { Double($0[index]) }
            let square = momentum * momentum
            let velocity: Double = -learningRate * (square * g[0] + momentum * g[1] + g[2])
            let sum: Double = (1 + momentum + square) * g[0] + (1 + momentum) * g[1] + g[2]
            let expected: Double = Double(start[index]) - learningRate * sum
            #expect(abs(Double(state.slots[0][index]) - velocity) <= 0x1p-23)
            #expect(abs(Double(parameters[index]) - expected) <= 0x1p-22)
        }
    }

    @Test func momentumIsZeroByDefault() { #expect(SGD().momentum == 0) }
}
