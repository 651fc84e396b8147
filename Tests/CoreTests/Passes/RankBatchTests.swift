import Testing

@testable import DTrainCore

@Suite struct RankBatchTests {
    @Test(arguments: [(64, 32, 2), (7, 2, 4), (5, 8, 1), (6, 1, 6), (6, 3, 2)])
    func lastMicroBatchMayBeSmaller(batchSize: Int, microBatchSize: Int, count: Int) {
        #expect(RankBatch.microBatchCount(batchSize: batchSize, microBatchSize: microBatchSize) == count)
        let rankBatch = RankBatch(
            batchSize: batchSize, microBatchSize: microBatchSize, sequenceLength: 3, microBatches: 0..<count)
        #expect(rankBatch.sequences == 0..<batchSize)
        #expect((0..<count).flatMap { rankBatch.rows(of: $0) } == Array(0..<batchSize))
        #expect((0..<count - 1).allSatisfy { rankBatch.rows(of: $0).count == microBatchSize })
    }

    @Test func ranksDivideTheSequencesByMicroBatches() {
        let runs = [0..<1, 1..<1, 1..<3, 3..<4]
        let batches = runs.map { RankBatch(batchSize: 7, microBatchSize: 2, sequenceLength: 3, microBatches: $0) }
        #expect(batches.map(\.sequences) == [0..<2, 2..<2, 2..<6, 6..<7])
        #expect(batches.map(\.rows) == [2, 0, 4, 1])
        #expect(batches.map(\.tokens) == [6, 0, 12, 3])
    }

    @Test func tokensAndStatesHaveUniqueOffsetsInTheirMicroBatch() {
        let rankBatch = RankBatch(batchSize: 7, microBatchSize: 3, sequenceLength: 4, microBatches: 1..<3)
        var tokens: [Int] = []
        var states: [Int] = []
        for row in 0..<rankBatch.rows {
            let offsets = rankBatch.offsets(of: row)
            let microBatch = row / 3
            #expect(offsets.firstToken == rankBatch.tokens(of: microBatch).before)
            #expect(offsets.tokens == rankBatch.tokens(of: microBatch).count)
            for time in 0..<4 {
                tokens.append(offsets.firstToken + offsets.token(time))
            }
            for time in 0...4 { states.append(offsets.firstState + offsets.token(time)) }
        }
        #expect(tokens.sorted() == Array(0..<16))
        #expect(states.sorted() == Array(0..<20))
    }

    @Test(arguments: [1, 127, 128, 129, 1024])
    func panelsCoverTheColumnsInOrder(units: Int) {
        let panels = Panels(units: units)
        #expect((0..<panels.count).flatMap { panels.columns($0) } == Array(0..<units))
        for panel in 0..<panels.count {
            #expect(panels.offset(panel, rows: 10) == panels.columns(panel).lowerBound * 10)
        }
    }

    @Test(arguments: Cell.allCases)
    func allGradientsExceptEmbeddingAndFirstKernelAreSummed(cell: Cell) throws {
        let layout = ParameterLayout(
            ModelConfiguration(cell: cell, layers: 2, embeddingDim: 3, rnnUnits: 7, vocabularySize: 5))
        let gradient = GradientLayout(layout, tableRows: 4)
        let table = 4 * cell.gates * 7
        #expect(gradient.summed.upperBound == gradient.count)
        #expect(gradient.count == layout.count + table + 1)
        for tensor in layout.tensors {
            let derived = ["embedding.embeddings", "\(cell.layerName).kernel"].contains(tensor.name)
            #expect(gradient.summed.contains(tensor.offset) != derived)
            #expect(gradient.summed.contains(tensor.offset + tensor.count - 1) != derived)
        }
        #expect(gradient.table == layout.count..<layout.count + table)
        #expect(gradient.loss == gradient.table.upperBound)
    }
}
