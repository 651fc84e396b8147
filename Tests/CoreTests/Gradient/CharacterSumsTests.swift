import Testing

@testable import DTrainCore

/// Sparse sums by character compared with dense ones.
@Suite struct CharacterSumsTests {
    private static let model = ModelConfiguration(embeddingDim: 3, rnnUnits: 130, vocabularySize: 97)
    private static let rankBatch = RankBatch(batchSize: 7, microBatchSize: 1, sequenceLength: 4, microBatches: 0..<7)

    private let layout = ParameterLayout(model)
    private let characters: BatchCharacters
    private let tape: Tape
    private let gradient: GradientSums
    private let sums: WeightGradient

    /// Runs both passes over sequences that each share one or two characters with the next.
    init() throws {
        let batch = Self.rankBatch
        let parameters = try buffer(testNumbers(layout.count, limit: 0.3))
        let pool = try WorkerPool(count: 2)
        characters = try BatchCharacters(vocabularySize: 97, batchSize: 7, sequenceLength: 4)
        tape = try Tape(Self.model, rankBatch: batch, logits: .kept, heartbeat: Heartbeat())
        for row in 0..<batch.rows {
            let text = testText(5, vocabularySize: 5, salt: UInt32(row)).map { $0 + UInt16(3 * row) }
            text.dropLast().withUnsafeBufferPointer(characters.insert)
            tape.store(text, row: row)
        }
        try characters.number()
        characters.replaceByRows(tape.inputs.elements)
        let weights = try PackedWeights(
            layout: layout, parameters: parameters.pointer, products: OperandFormat.fp32.weightProducts(),
            use: .training(characters), pool: pool)
        try weights.pack()
        try runPasses(tape, weights: weights, parameters: parameters.pointer)
        let fold = ReductionTree(leafCount: 7).foldPlan(of: 0..<7)
        gradient = try GradientSums(layout, tableRows: characters.capacity, ranks: 1, nodeCount: fold.nodeCount)
        sums = try WeightGradient(
            tape: tape, gradient: gradient, logitsPanels: nil, products: OperandFormat.fp32.panelProducts(),
            fold: fold, pool: pool)
    }

    /// A micro-batch's dense sums: all rows of the table, zero for characters that don't occur.
    private func dense(_ panel: [Float], microBatch: Int, width: Int) -> [Float] {
        let tokens = Self.rankBatch.tokens(of: microBatch)
        var sums = [Float](repeating: 0, count: characters.capacity * width)
        for token in 0..<tokens.count {
            let row = Int(tape.inputs[tokens.before + token])
            for column in 0..<width { sums[row * width + column] += panel[token * width + column] }
        }
        return sums
    }

    /// A node's sum by the tree's definition.
    private func sum(_ leaves: [[Float]], _ range: Range<Int>) -> [Float] {
        guard range.count > 1 else { return leaves[range.lowerBound] }
        var half = 1
        while 2 * half < range.count { half *= 2 }
        let (left, right) = (range.prefix(half), range.dropFirst(half))
        return zip(sum(leaves, left), sum(leaves, right)).map { $0 + $1 }
    }

    @Test func sparseSumsHaveTheBitsOfDenseSums() throws {
        var expected: [Int: [Float]] = [:]
        for (group, route) in Cell.gru.routes.enumerated() where route.destinations.contains(.kernel) {
            for panel in 0..<2 {
                let width = panel == 0 ? 128 : 2
                let leaves = try (0..<7).map { microBatch in
                    let kept = try #require(
                        tape.panel(.gates(layer: 0, group: group), microBatch: microBatch, panel: panel))
                    return dense(Array(kept.all), microBatch: microBatch, width: width)
                }
                expected[gradient.layout.table.lowerBound + route.gate * 130 + panel * 128] = sum(leaves, 0..<7)
            }
        }
        // Stale values of an earlier step must have no effect.
        gradient.sums.elements.update(repeating: .nan)
        try sums.run { _ in }
        try #require(expected.count == 6 && characters.count < characters.capacity)
        for place in gradient.blocks.places {
            guard let values = expected[place.matrix.offset] else { continue }
            let count = characters.count * place.matrix.width
            #expect(bits(gradient.sums.elements[place.start..<place.start + count]) == bits(values.prefix(count)))
            // Rows without a character are unchanged.
            let rest = gradient.sums.elements[place.start + count..<place.start + place.matrix.count]
            #expect(rest.allSatisfy(\.isNaN) && values.dropFirst(count).allSatisfy { $0 == 0 })
        }
    }
}
