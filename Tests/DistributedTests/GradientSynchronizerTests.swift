import DTrainCore
import DTrainDistributed
import DistributedTesting
import Glibc
import Testing

@Suite struct GradientSynchronizerTests {
    @Test(arguments: 1...5, [1, 2, 3, 7, 8, 13, 16])
    func totalHasTheBitsOfTheTree(ranks: Int, leaves: Int) throws {
        // 5003 elements: more than a strip per rank, and not a multiple of a cache line.
        for count in [1, 15, 16, 17, 5003] {
            let results = try InMemoryCommunicator.run(ranks: ranks) { ranks in
                let check = GradientCheck(leaves: leaves, count: count)
                try check.run(ranks)
                try check.run(ranks, leastBytes: 900)
                // Four blocks of two tasks and a rest; few elements are a block each, and most ranks have no part of it.
                try check.run(ranks, leastBytes: count < 20 ? 4 : count)
            }
            for result in results { try result.get() }
        }
    }

    @Test(arguments: 1...4)
    func librarySumIsClose(ranks: Int) throws {
        for leaves in [1, 3, 8] {
            let results = try InMemoryCommunicator.run(ranks: ranks) { ranks in
                try GradientCheck(leaves: leaves, count: 100).run(ranks, mode: .library)
                try GradientCheck(leaves: leaves, count: 100).run(ranks, mode: .library, leastBytes: 100)
            }
            for result in results { try result.get() }
        }
    }

    /// The last rank computes longer by three tenths of a second, in the second step.
    @Test(arguments: [
        (GradientSummation.tree, GradientCompression.none), (.tree, .bf16), (.library, .none),
    ])
    func waitIsWhatTheLastRankComputesLonger(
        mode: GradientSummation, compression: GradientCompression
    ) throws {
        let results = try InMemoryCommunicator.run(ranks: 3) { ranks in
            let synchronizer = try GradientSynchronizer(
                communicator: ranks, tree: ReductionTree(leafCount: 3), runs: [0..<1, 1..<2, 2..<3],
                blocks: GradientBlocks(contiguous: 100, ranks: 3), mode: mode, compression: compression)
            let values = try AlignedBuffer<Float>(count: 100)
            for step in 1...2 {
                synchronizer.begin(nodes: values.pointer)
                if step == 2, ranks.rank == 2 { usleep(300_000) }
                try synchronizer.finish()
            }
            return synchronizer.times
        }
        let times = try results.map { try $0.get() }
        for time in times {
            #expect((0...time.finishing).contains(time.waiting), "\(times)")
        }
        #expect(times[0].waiting > 0.15 && times[1].waiting > 0.15 && times[2].waiting < 0.15, "\(times)")
    }

    @Test func aRankAloneWaitsForNobody() throws {
        let synchronizer = try GradientSynchronizer(
            communicator: SoloCommunicator(), tree: ReductionTree(leafCount: 1), runs: [0..<1],
            blocks: GradientBlocks(contiguous: 3, ranks: 1))
        let values = try AlignedBuffer<Float>(count: 3)
        try synchronizer.reduce(nodes: values.pointer)
        #expect(synchronizer.times.waiting == 0)
    }

    /// Otherwise the comparison of bits above would show nothing.
    @Test func orderOfAdditionMattersToTheCheck() {
        let check = GradientCheck(leaves: 8, count: 100)
        let inOrder = (0..<8).map(check.gradient).reduce([Float](repeating: 0, count: 100)) { zip($0, $1).map(+) }
        #expect(inOrder != check.expected)
    }

    @Test func singleProcessReducesInPlaceWithoutTouchingAnything() throws {
        let synchronizer = try GradientSynchronizer(
            communicator: SoloCommunicator(), tree: ReductionTree(leafCount: 6), runs: [0..<6],
            blocks: GradientBlocks(contiguous: 3, ranks: 1))
        #expect(synchronizer.ownNodes == [ReductionTree(leafCount: 6).root])
        var nodes: [Float] = [1, 2, 3]
        synchronizer.note = 7
        try nodes.withUnsafeMutableBufferPointer { nodes in
            let base = try #require(nodes.baseAddress)
            try synchronizer.reduce(nodes: base)
        }
        #expect(nodes == [1, 2, 3])
        #expect(synchronizer.notes == [7])
    }
}
