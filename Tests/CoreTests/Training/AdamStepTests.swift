import Testing

@testable import DTrainCore

@Suite struct AdamStepTests {
    /// Tensors of one row, of a panel, of several; the last panel narrower than the others.
    private static let cases = [
        ReproducibilityTests.Case(cell: .gru, layers: 1, units: 7, batchSize: 3, microBatchSize: 2),
        ReproducibilityTests.Case(cell: .gru, layers: 2, units: 300, batchSize: 3, microBatchSize: 2),
        ReproducibilityTests.Case(cell: .lstm, layers: 2, units: 130, batchSize: 3, microBatchSize: 2),
    ]

    /// Adam's own update of the whole vector, with the gradient copied together, is the reference.
    @Test(arguments: cases, [nil, 0.01])
    func everyParameterMeetsItsOwnGradient(_ test: ReproducibilityTests.Case, clipNorm: Double?) throws {
        let replica = try test.replica(0..<test.microBatches, threads: 2)
        let count = replica.layout.count
        let adam = try Adam(count: count, configuration: replica.adam.configuration)
        let expected = try AlignedBuffer<Float>(count: count)
        for step in 0..<2 {
            _ = expected.elements.update(from: replica.parameters.elements)
            try replica.computeGradient(test.reader(step: step))
            let norm = try replica.applyGradient(clipNorm: clipNorm)
            adam.update(
                0..<count, parameters: expected.pointer, gradient: replica.gradient.flat(),
                constants: adam.constants(scale: clipNorm.map { Float($0 / norm) } ?? 1))
            adam.steps += 1
            #expect(differences(bits(replica.parameters.elements), bits(expected.elements)) == 0)
            #expect(differences(bits(replica.adam.m.elements), bits(adam.m.elements)) == 0)
            #expect(differences(bits(replica.adam.v.elements), bits(adam.v.elements)) == 0)
        }
    }
}
