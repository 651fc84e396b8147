import Testing

@testable import DTrainCore

/// A different implementation of the product interfaces computes the same step.
@Suite struct ProductTableTests {
    struct Case: Sendable, CustomTestStringConvertible {
        let cell: Cell
        let layers: Int
        let units: Int
        let vocabularySize: Int

        var testDescription: String { "\(layers) × \(cell) H=\(units) V=\(vocabularySize)" }

        var model: ModelConfiguration {
            ModelConfiguration(
                cell: cell, layers: layers, embeddingDim: 3, rnnUnits: units, vocabularySize: vocabularySize)
        }

        /// The losses of all tokens, and the gradient after the sums over tokens.
        func step(
            _ weights: any WeightProducts, _ panels: any PanelProducts, _ logits: Tape.LogitsGradient = .kept
        ) throws -> [[Double]] {
            let layout = ParameterLayout(model)
            let parameters = try buffer(testNumbers(layout.count, limit: 0.3))
            let rankBatch = RankBatch(batchSize: 5, microBatchSize: 2, sequenceLength: 4, microBatches: 0..<3)
            let pool = try WorkerPool(count: 2)
            let characters = try BatchCharacters(
                vocabularySize: vocabularySize, batchSize: rankBatch.batchSize,
                sequenceLength: rankBatch.sequenceLength)
            let packed = try PackedWeights(
                layout: layout, parameters: parameters.pointer, products: weights, use: .training(characters),
                pool: pool)
            let tape = try Tape(model, rankBatch: rankBatch, logits: logits, heartbeat: Heartbeat())
            for row in 0..<rankBatch.rows {
                let text = testText(
                    rankBatch.sequenceLength + 1, vocabularySize: vocabularySize, salt: UInt32(row))
                text.dropLast().withUnsafeBufferPointer(characters.insert)
                tape.store(text, row: row)
            }
            try characters.number()
            characters.replaceByRows(tape.inputs.elements)
            try packed.pack()
            try runPasses(tape, weights: packed, parameters: parameters.pointer)
            let fold = ReductionTree(leafCount: rankBatch.count).foldPlan(of: rankBatch.microBatches)
            let gradient = try GradientSums(
                layout, tableRows: characters.capacity, ranks: 1, nodeCount: fold.nodeCount)
            let logitsPanels =
                logits == .kept
                ? nil : try LogitsPanels(tape, weights: packed, parameters: parameters.pointer)
            try WeightGradient(
                tape: tape, gradient: gradient, logitsPanels: logitsPanels, products: panels, fold: fold, pool: pool
            ).run { _ in }
            return [Array(tape.losses.elements), gradient.sums.elements.map(Double.init)]
        }
    }

    static let cases = [
        Case(cell: .gru, layers: 1, units: 7, vocabularySize: 5),
        Case(cell: .lstm, layers: 2, units: 13, vocabularySize: 11),
        Case(cell: .gru, layers: 2, units: 130, vocabularySize: 131),
    ]

    @Test(arguments: cases, [Tape.LogitsGradient.kept, .recomputed])
    func anotherImplementationComputesTheSameStep(_ test: Case, _ logits: Tape.LogitsGradient) throws {
        let expected = try test.step(OperandFormat.fp32.weightProducts(), OperandFormat.fp32.panelProducts())
        let found = try test.step(LoopProducts(), LoopProducts(), logits)
        for (found, expected) in zip(found, expected) {
            try #require(found.count == expected.count)
            // Both sum in order of depth with one fused multiply-add per step.
            #expect(expected.contains { $0 != 0 })
            #expect(found == expected || !InstructionSet.hasFusedMultiplyAdd)
        }
    }

    @Test func everyCPUSupportsFloat32AndRoundedOperands() throws {
        for format in [OperandFormat.fp32, .roundedFP32] {
            #expect(try format.isSupported())
            #expect(throws: Never.self) { try format.panelProducts() }
        }
    }

    @Test func expandedBF16HasNoPanelProducts() {
        let error = #expect(throws: DTrainError.self) { try OperandFormat.expandedBF16.panelProducts() }
        #expect(error?.category == .internal)
    }
}
