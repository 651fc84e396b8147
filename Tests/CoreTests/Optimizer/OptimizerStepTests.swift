import Testing

@testable import DTrainCore

@Suite struct OptimizerStepTests {
    /// Tensors of one row, one panel, and several panels with a narrower last one.
    private static let cases = [
        ReproducibilityTests.Case(cell: .gru, layers: 1, units: 7, batchSize: 3, microBatchSize: 2),
        ReproducibilityTests.Case(cell: .gru, layers: 2, units: 300, batchSize: 3, microBatchSize: 2),
        ReproducibilityTests.Case(cell: .lstm, layers: 2, units: 130, batchSize: 3, microBatchSize: 2),
    ]

    /// The reference updates the whole vector with a contiguous gradient.
    @Test(arguments: cases, [nil, 0.01])
    func everyParameterIsUpdatedWithItsOwnGradient(_ test: ReproducibilityTests.Case, clipNorm: Double?) throws {
        for optimizer in OptimizerTests.all {
            let replica = try test.replica(0..<test.microBatches, threads: 2, optimizer: optimizer)
            let state = try OptimizerState(optimizer, count: replica.layout.count)
            let expected = try AlignedBuffer<Float>(count: replica.layout.count)
            for (step, learningRate) in [0.01, 0.003].enumerated() {
                _ = expected.elements.update(from: replica.parameters.elements)
                try replica.computeGradient(test.reader(step: step))
                let norm = try replica.finishStep(learningRate: learningRate, clipNorm: clipNorm)
                state.step(
                    expected, replica.gradient.flat(), learningRate: learningRate,
                    gradientScale: clipNorm.map { Float($0 / norm) } ?? 1)
                #expect(differences(bits(replica.parameters.elements), bits(expected.elements)) == 0, "\(optimizer)")
                for (found, slot) in zip(replica.optimizerState.slots, state.slots) {
                    #expect(differences(bits(found.elements), bits(slot.elements)) == 0, "\(optimizer)")
                }
                #expect(replica.optimizerState.steps == step + 1)
            }
        }
    }

    @Test(arguments: cases)
    func plainSGDSubtractsTheScaledGradient(_ test: ReproducibilityTests.Case) throws {
        let replica = try test.replica(0..<test.microBatches, threads: 2, optimizer: SGD())
        let before = Array(replica.parameters.elements)
        try replica.computeGradient(test.reader(step: 0))
        try replica.finishStep(learningRate: 0.25)
        let expected = zip(before, replica.gradient.flat()).map { $0 - 0.25 * $1 }
        #expect(differences(bits(replica.parameters.elements), bits(expected)) == 0)
        #expect(differences(bits(expected), bits(before)) > before.count / 2)
    }

    /// The total change is the sum of the steps' velocities, unrolled in Double.
    @Test(arguments: cases)
    func momentumAccumulatesTheGradientsOfThreeSteps(_ test: ReproducibilityTests.Case) throws {
        let (momentum, learningRate) = (0.8, 0.5)
        let replica = try test.replica(0..<test.microBatches, threads: 2, optimizer: SGD(momentum: momentum))
        let before = Array(replica.parameters.elements)
        let gradients = try (0..<3).map { step in
            try replica.computeGradient(test.reader(step: step))
            try replica.finishStep(learningRate: learningRate)
            return replica.gradient.flat()
        }
        let weights = [1 + momentum + momentum * momentum, 1 + momentum, 1]
        let wrong = before.indices.filter { index in
            let sum: Double = zip(weights, gradients).reduce(0) { $0 + $1.0 * Double($1.1[index]) }
            let expected: Double = Double(before[index]) - learningRate * sum
            return abs(Double(replica.parameters[index]) - expected) > 0x1p-22
        }
        #expect(wrong.count == 0)
    }
}
