import Testing

@testable import DTrainCore

@Suite struct PairwiseSumTests {
    /// Expects ((a + b) + (c + d)) + e, which differs from sequential addition.
    @Test func neighborsAreAddedFirst() {
        let values = [0x1p53, 1, 1, 1, 0x1p-3]
        var sum = PairwiseSum()
        for value in values { sum.add(value) }
        #expect(sum.value == ((values[0] + values[1]) + (values[2] + values[3])) + values[4])
        #expect(sum.value != values.reduce(0, +))
    }

    @Test func sumsOfWholeNumbersAreExact() {
        for count in 0...33 {
            var sum = PairwiseSum()
            for value in 0..<count { sum.add(Double(value)) }
            #expect(sum.value == Double(count * (count - 1) / 2))
        }
    }
}
