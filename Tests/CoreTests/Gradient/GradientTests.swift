import Testing

@testable import DTrainCore

/// The analytic gradient in float32 against central differences of the naive loss in Double.
@Suite struct GradientTests {
    struct Case: Sendable, CustomTestStringConvertible {
        let model: ModelConfiguration
        var sequenceLength = 4
        var batchSize = 3
        var microBatchSize = 2
        var threads = 1
        /// The bound of the uniform weights.
        var limit: Float = 0.6

        var testDescription: String {
            "\(model.layers) × \(model.cell) H=\(model.rnnUnits) V=\(model.vocabularySize), batch \(batchSize) by "
                + "\(microBatchSize), \(threads) threads"
        }

        var layout: ParameterLayout { ParameterLayout(model) }
        var values: [Float] { testNumbers(layout.count, limit: limit) }
        var sequences: [[UInt16]] {
            (0..<batchSize).map {
                testText(sequenceLength + 1, vocabularySize: model.vocabularySize, salt: UInt32($0))
            }
        }

        /// A replica for the whole batch.
        func replica() throws -> Replica {
            let micro = RankBatch.microBatchCount(batchSize: batchSize, microBatchSize: microBatchSize)
            let replica = try Replica(
                Replica.Configuration(
                    model: model,
                    rankBatch: RankBatch(
                        batchSize: batchSize, microBatchSize: microBatchSize, sequenceLength: sequenceLength,
                        microBatches: 0..<micro),
                    optimizer: Adam(), threads: threads))
            _ = replica.parameters.elements.update(from: values)
            return replica
        }
    }

    static func model(_ cell: Cell, _ layers: Int, e: Int = 3, h: Int = 7, v: Int = 5)
        -> ModelConfiguration
    {
        ModelConfiguration(cell: cell, layers: layers, embeddingDim: e, rnnUnits: h, vocabularySize: v)
    }

    static let small = [
        Case(model: model(.gru, 1)),
        Case(model: model(.gru, 2), threads: 2),
        Case(model: model(.gru, 3), sequenceLength: 3),
        Case(model: model(.lstm, 1)),
        Case(model: model(.lstm, 2), threads: 2),
        Case(model: model(.lstm, 3), sequenceLength: 3),
        Case(model: model(.simpleRNN, 1)),
        Case(model: model(.simpleRNN, 2), threads: 2),
        Case(model: model(.gru, 1, e: 1, h: 1, v: 2), sequenceLength: 1, batchSize: 1, microBatchSize: 1),
        Case(model: model(.lstm, 1, e: 1, h: 1, v: 2), sequenceLength: 1, batchSize: 1, microBatchSize: 1),
        Case(model: model(.gru, 1), batchSize: 7, microBatchSize: 1, threads: 3),
        Case(model: model(.lstm, 1), sequenceLength: 2, batchSize: 5, microBatchSize: 8),
        // More characters than tokens.
        Case(model: model(.gru, 1, v: 40), threads: 2),
        Case(model: model(.lstm, 2, e: 67, h: 5, v: 40), sequenceLength: 2, batchSize: 2, microBatchSize: 1),
    ]

    /// Cases with several panels of gates and logits.
    static let wide = [
        Case(model: model(.gru, 2, h: 130, v: 131), sequenceLength: 3, limit: 0.4),
        Case(model: model(.lstm, 2, h: 130, v: 131), sequenceLength: 3, threads: 2, limit: 0.4),
        Case(model: model(.simpleRNN, 2, h: 130, v: 131), sequenceLength: 3, threads: 2, limit: 0.2),
    ]

    /// ∂loss/∂parameter by central differences; the error is O(step²).
    private func centralDifference(_ reference: ReferenceModel, _ index: Int, _ sequences: [[UInt16]]) -> Double {
        let step = 1e-5
        var (above, below) = (reference, reference)
        above.parameters[index] += step
        below.parameters[index] -= step
        return (above.meanLoss(sequences) - below.meanLoss(sequences)) / (2 * step)
    }

    private func check(_ test: Case, _ indices: (ParameterLayout.Tensor) -> [Int]) throws {
        let sequences = test.sequences
        let reference = ReferenceModel(test.layout, test.values)
        let replica = try test.replica()
        try replica.computeGradient { sequence, ids in
            ids.update(from: sequences[sequence], count: sequences[sequence].count)
        }
        #expect(isClose(Double(replica.loss), reference.meanLoss(sequences), relative: 1e-6, absolute: 1e-6))
        let summed = bits(replica.gradient.flat()[replica.gradient.layout.summed])
        try replica.finishStep(learningRate: 0)
        let gradient = replica.gradient.flat()
        #expect(differences(bits(gradient[replica.gradient.layout.summed]), summed) == 0)
        #expect(differences(bits(replica.parameters.elements), bits(test.values)) == 0)
        for tensor in test.layout.tensors {
            var largest = 0.0
            for index in indices(tensor) {
                let expected = centralDifference(reference, tensor.offset + index, sequences)
                let found = Double(gradient[tensor.offset + index])
                largest = max(largest, abs(expected))
                #expect(
                    isClose(found, expected, relative: 1e-4, absolute: 1e-7),
                    "\(tensor.name)[\(index)]: \(found), central difference \(expected)")
            }
            // The first state is zero, so with a single time step the recurrent kernel has no gradient.
            let hasNoGradient = test.sequenceLength == 1 && tensor.name.hasSuffix("recurrent_kernel")
            #expect(largest > 1e-5 || hasNoGradient, "\(tensor.name): all central differences are almost zero")
        }
    }

    @Test(arguments: small)
    func everyGradientMatchesCentralDifferences(_ test: Case) throws {
        try check(test) { Array(0..<$0.count) }
    }

    @Test(arguments: wide)
    func sampledGradientsOfWideModelsMatchCentralDifferences(_ test: Case) throws {
        let used = Set(test.sequences.flatMap { $0.dropLast() })
        try check(test) { tensor in
            let columns = tensor.shape.last ?? 1
            // The embeddings of characters that don't occur have no gradient.
            let rows = tensor.name == "embedding.embeddings" ? used.map(Int.init) : Array(0..<tensor.count / columns)
            let random = testNumbers(8, limit: 0.5, salt: 7).map { $0 + 0.5 }
            return stride(from: 0, to: 8, by: 2).map { place in
                rows[Int(random[place] * Float(rows.count))] * columns + Int(random[place + 1] * Float(columns))
            } + [(rows.last ?? 0) * columns + columns - 1]
        }
    }
}
