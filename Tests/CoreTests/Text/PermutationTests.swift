import DTrainCore
import Testing

@Suite struct PermutationTests {
    @Test func everyCountUpTo2000GivesAPermutation() {
        var seen = [Int](repeating: 0, count: 2000)
        for count in 1...2000 {
            let permutation = Permutation(count: count, seed: 7, epoch: count)
            var distinct = 0
            for index in 0..<count {
                let value = permutation[index]
                guard value >= 0, value < count else {
                    Issue.record("index \(index) of \(count) maps to \(value)")
                    return
                }
                if seen[value] != count { distinct += 1 }
                seen[value] = count
            }
            #expect(distinct == count)
        }
    }

    @Test(arguments: [1, 2, 3, 4, 5, 15, 16, 17, 64, 65, 1000])
    func inverseUndoesThePermutation(count: Int) {
        let permutation = Permutation(count: count, seed: 3, epoch: 0)
        for index in 0..<count {
            #expect(permutation.inverse(permutation[index]) == index)
            #expect(permutation[permutation.inverse(index)] == index)
        }
    }

    @Test(arguments: [1_000_000_000_000, (1 << 40) + 1, Permutation.maximumCount])
    func samplesOfALargeCountAreDistinctInRangeAndInvertible(count: Int) {
        let permutation = Permutation(count: count, seed: 42, epoch: 1)
        let samples = (0..<2000).map { $0 * (count / 2000) } + Array(0..<2000) + [count - 1]
        let values = samples.map { permutation[$0] }
        #expect(values.allSatisfy { $0 >= 0 && $0 < count })
        #expect(Set(values).count == Set(samples).count)
        #expect(values.map(permutation.inverse) == samples)
        // The mean of the values is (n − 1)/2 within five standard errors n/√(12 m).
        let mean = values.reduce(0.0) { $0 + Double($1) / Double(count) } / Double(values.count)
        #expect(abs(mean - 0.5) < 5 / (12 * Double(values.count)).squareRoot())
    }

    @Test func seedsAndEpochsGiveDifferentOrders() {
        let orders = [(0, 0), (0, 1), (1, 0), (1 << 32, 0), (0, 1 << 32)].map { seed, epoch in
            let permutation = Permutation(count: 100, seed: UInt64(seed), epoch: epoch)
            return (0..<100).map { permutation[$0] }
        }
        #expect(Set(orders).count == orders.count)
    }

    @Test func sameSeedAndEpochGiveTheSameOrder() {
        let first = Permutation(count: 1_000_003, seed: 9, epoch: 4)
        let second = Permutation(count: 1_000_003, seed: 9, epoch: 4)
        #expect((0..<100).allSatisfy { first[$0] == second[$0] })
    }

    @Test func theIdentityKeepsEveryIndex() {
        let identity = Permutation(identity: 1000)
        #expect((0..<1000).allSatisfy { identity[$0] == $0 && identity.inverse($0) == $0 })
    }

    /// χ² of the counts of n indices at n positions has mean (n − 1)² and variance 2(n − 1)².
    @Test(arguments: [2, 5, 10, 16])
    func everyIndexIsEquallyLikelyAtEveryPosition(count: Int) {
        let epochs = 200 * count
        var hits = [Int](repeating: 0, count: count * count)
        for epoch in 0..<epochs {
            let permutation = Permutation(count: count, seed: 11, epoch: epoch)
            for index in 0..<count { hits[index * count + permutation[index]] += 1 }
        }
        let statistic = hits.reduce(0.0) { $0 + Double(($1 - 200) * ($1 - 200)) / 200 }
        let freedom = Double((count - 1) * (count - 1))
        #expect(statistic < freedom + 6 * (2 * freedom).squareRoot())
    }

    /// A random permutation has Poisson(1) fixed points and as many preserved successors.
    ///
    /// Its mean displacement (Spearman's footrule over n) is about n/3 with standard deviation
    /// √(2n/45).
    @Test func largePermutationLooksRandom() {
        let count = 50_000
        let permutation = Permutation(count: count, seed: 5, epoch: 0)
        let values = (0..<count).map { permutation[$0] }
        let fixed = values.enumerated().count { $0.offset == $0.element }
        let neighbors = zip(values, values.dropFirst()).count { $0 + 1 == $1 }
        let displacement = values.enumerated().reduce(0) { $0 + abs($1.offset - $1.element) }
        #expect(fixed <= 10)
        #expect(neighbors <= 10)
        let expected = Double(count) / 3
        #expect(abs(Double(displacement) / Double(count) - expected) < 5 * (2 * Double(count) / 45).squareRoot())
    }
}
