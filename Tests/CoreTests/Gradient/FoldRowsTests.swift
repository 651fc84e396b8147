import Testing

@testable import DTrainCore

@Suite struct FoldRowsTests {
    /// In every run of every small tree, a sum has the rows of its micro-batches.
    @Test(arguments: 1...9)
    func sumsHaveTheRowsOfTheirMicroBatches(count: Int) throws {
        let tree = ReductionTree(leafCount: count)
        for first in 0..<count {
            for end in first + 1...count {
                // The last micro-batch of the step is smaller.
                let batch = RankBatch(
                    batchSize: 2 * count - 1, microBatchSize: 2, sequenceLength: 3, microBatches: first..<end)
                let fold = tree.foldPlan(of: first..<end)
                let rows = try FoldRows(fold, rankBatch: batch, tableRows: 11)
                // The second step must not see values of the first.
                for salt: UInt32 in [0, 1] {
                    let inputs = testText(batch.tokens, vocabularySize: 11, salt: salt + UInt32(first))
                    rows.update(inputs)
                    var slots = [Set<UInt16>](repeating: [], count: fold.slotCount)
                    for (number, step) in fold.steps.enumerated() {
                        let tokens = batch.tokens(of: step.leaf)
                        var sum = Set(inputs[tokens.before..<tokens.before + tokens.count])
                        #expect(Array(rows.leaf(ofStep: number).elements) == sum.sorted())
                        for (index, addend) in step.addends.enumerated() {
                            #expect(
                                Array(rows.addend(index, ofStep: number).elements) == slots[addend].sorted())
                            sum.formUnion(slots[addend])
                            #expect(
                                Array(rows.sum(ofStep: number, addends: index + 1).elements) == sum.sorted())
                        }
                        slots[step.target] = sum
                    }
                }
            }
        }
    }
}
