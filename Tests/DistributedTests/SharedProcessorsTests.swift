import DTrainDistributed
import DTrainCore
import Testing

/// How ranks share processors, told by their masks alone.
@Suite struct SharedProcessorsTests {
    private func shared(_ masks: [ClosedRange<Int>]) -> [SharedProcessors] {
        masks.indices.map { SharedProcessors(masks: masks.map { ProcessorSet($0) }, localRank: $0) }
    }

    @Test(arguments: [
        // Alone, unbound, and bound to one of two cores.
        ([0...7], [8], 8), ([0...0], [1], 1),
        // Unbound, as with MPICH or srun, whatever the launcher tells: they share all of it.
        ([0...7, 0...7], [4, 4], 8), ([0...7, 0...7, 0...7], [2, 2, 2], 8),
        // A core each.
        ([0...0, 1...1], [1, 1], 2),
        // Two on the one socket there is; two on each of two.
        ([0...1, 0...1], [1, 1], 2), ([0...3, 0...3, 4...7, 4...7], [2, 2, 2, 2], 8),
        // A socket each, and not all processors of the second.
        ([0...7, 8...11], [8, 4], 12),
        // More than there are.
        ([0...1, 0...1, 0...1, 0...1], [1, 1, 1, 1], 2), ([0...0, 0...0], [1, 1], 1),
        // One may go everywhere.
        ([0...7, 0...3, 4...7], [2, 2, 2], 8),
    ])
    func threadsAreTheMaskDividedAmongThoseThatShareIt(masks: [ClosedRange<Int>], threads: [Int], count: Int) {
        #expect(shared(masks).map(\.defaultThreads) == threads)
        #expect(shared(masks).map(\.count) == [Int](repeating: count, count: masks.count))
    }

    @Test(arguments: [
        ([0...1, 0...1], [1, 1], [false, false]), ([0...1, 0...1], [2, 1], [true, true]),
        ([0...1, 0...1, 0...1], [1, 1, 1], [true, true, true]), ([0...0, 1...1], [1, 1], [false, false]),
        // Only the rank whose own threads take turns has to make way.
        ([0...0, 1...1], [2, 1], [true, false]), ([0...0, 0...0, 1...7], [1, 1, 1], [true, true, false]),
        ([0...3], [4], [false]), ([0...3], [5], [true]),
    ])
    func crowdingCountsThreads(masks: [ClosedRange<Int>], threads: [Int], crowded: [Bool]) {
        #expect(shared(masks).map { $0.areCrowded(threads: threads) } == crowded)
    }

    @Test(arguments: [
        ("0-3,8", [0, 1, 2, 3, 8]), ("5", [5]), ("\t0-1, 64-65\n", [0, 1, 64, 65]), ("", nil), ("x", nil), ("3-1", nil),
        ("0-99999999", nil),
    ])
    func listsAreReadAsLinuxWritesThem(list: String, numbers: [Int]?) {
        #expect(ProcessorSet(list: list[...])?.numbers == numbers.map { Set($0) })
    }

    @Test func currentProcessMayRunSomewhere() {
        #expect(ProcessorSet.current.count >= 1)
        #expect(SoloCommunicator().processors.defaultThreads == ProcessorSet.current.count)
    }

    @Test func theMostCrowdedHostIsFound() {
        let (a, b, c) = (
            HostLoad(host: "a", ranks: 3, processors: 2), HostLoad(host: "b", ranks: 4, processors: 2),
            HostLoad(host: "c", ranks: 16, processors: 16)
        )
        #expect(HostLoad.mostCrowded([a, a, a, b, b, b, b]) == b)
        #expect(HostLoad.mostCrowded([c, a]) == a)
        #expect(HostLoad.mostCrowded([c]) == nil)
        #expect(HostLoad.mostCrowded([]) == nil)
    }

    @Test func ranksOfOneProcessShareItsProcessors() throws {
        for result in try InMemoryCommunicator.run(ranks: 2, { try $0.mostCrowdedHost() }) {
            let host = try result.get()
            #expect((host != nil) == (ProcessorSet.current.count < 2))
        }
    }
}
