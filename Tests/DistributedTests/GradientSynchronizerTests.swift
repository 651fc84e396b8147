import DTrainCore
import DistributedTesting
import Glibc
import Testing

@testable import DTrainDistributed

@Suite struct GradientSynchronizerTests {
    @Test(arguments: 1...5, [1, 2, 3, 7, 8, 13, 16])
    func sumsMatchTheTreeBitForBit(ranks: Int, leaves: Int) throws {
        // 5003 elements: more than a strip per rank, and not a multiple of a cache line.
        for count in [1, 15, 16, 17, 5003] {
            let results = try InMemoryCommunicator.run(ranks: ranks) { ranks in
                let check = GradientCheck(leaves: leaves, count: count)
                try check.run(ranks)
                try check.run(ranks, minBytes: 900)
                // Four blocks of two tasks, and a rest. With few elements, each element is a block,
                // of which most ranks have no part.
                try check.run(ranks, minBytes: count < 20 ? 4 : count)
            }
            for result in results { try result.get() }
        }
    }

    @Test(arguments: 1...4)
    func librarySumsAreWithinTolerance(ranks: Int) throws {
        for leaves in [1, 3, 8] {
            let results = try InMemoryCommunicator.run(ranks: ranks) { ranks in
                try GradientCheck(leaves: leaves, count: 100).run(ranks, mode: .library)
                try GradientCheck(leaves: leaves, count: 100).run(ranks, mode: .library, minBytes: 100)
            }
            for result in results { try result.get() }
        }
    }

    /// The last rank computes 0.3 s longer; on a busy machine others may sometimes be late, too.
    @Test(arguments: [
        (GradientSummation.tree, GradientCompression.none), (.tree, .bf16), (.library, .none),
    ])
    func waitingTimeIsCountedOnTheFasterRanks(
        mode: GradientSummation, compression: GradientCompression
    ) throws {
        let results = try InMemoryCommunicator.run(ranks: 3) { ranks in
            let synchronizer = try GradientSynchronizer(
                communicator: ranks, tree: ReductionTree(leafCount: 3), runs: [0..<1, 1..<2, 2..<3],
                blocks: GradientBlocks(contiguous: 100, ranks: 3), mode: mode, compression: compression)
            let values = try AlignedBuffer<Float>(count: 100)
            var times: [ReductionTimes] = []
            var isShown = false
            while !isShown, times.count < 20 {
                let reduction = try synchronizer.begin(nodes: values.pointer)
                if ranks.rank == 2 { usleep(300_000) }
                times.append(try reduction.finish().times)
                let waits = try ranks.allGather(times[times.count - 1].waiting)
                isShown = waits[0] > 0.15 && waits[1] > 0.15 && waits[2] < 0.15
            }
            return (times, isShown)
        }
        for (times, isShown) in try results.map({ try $0.get() }) {
            #expect(times.allSatisfy { (0...$0.finishing).contains($0.waiting) }, "\(times)")
            #expect(isShown, "\(times)")
        }
    }

    /// A block's exchange overlaps the computation of later blocks, unless all are sent at the end.
    @Test(arguments: [true, false], [GradientCompression.none, .bf16])
    func overlappedExchangeCountsAsHidden(isEarly: Bool, compression: GradientCompression) throws {
        let blocks = GradientBlocks(contiguous: 100, ranks: 2, minBytes: 160)
        let results = try InMemoryCommunicator.run(ranks: 2) { ranks in
            let synchronizer = try GradientSynchronizer(
                communicator: ranks, tree: ReductionTree(leafCount: 2), runs: [0..<1, 1..<2], blocks: blocks,
                compression: compression)
            let values = try AlignedBuffer<Float>(count: 100)
            values.elements.update(repeating: 1)
            var hidden: [Double] = []
            for _ in 1...2 {
                let reduction = try synchronizer.begin(nodes: values.pointer)
                // The last block waits for the trailers, so it can't arrive before `finish`.
                if isEarly { try reduction.advance(finished: blocks.blockCount) }
                hidden.append(try reduction.finish().times.hidden)
            }
            return hidden
        }
        let hidden = try results.flatMap { try $0.get() }
        #expect(hidden.allSatisfy { ($0 > 0) == isEarly }, "\(hidden)")
    }

    @Test func aSingleRankDoesNotWait() throws {
        let synchronizer = try GradientSynchronizer(
            communicator: SoloCommunicator(), tree: ReductionTree(leafCount: 1), runs: [0..<1],
            blocks: GradientBlocks(contiguous: 3, ranks: 1))
        let values = try AlignedBuffer<Float>(count: 3)
        #expect(try synchronizer.begin(nodes: values.pointer).finish().times.waiting == 0)
    }

    /// Otherwise the comparisons of bits above would prove nothing.
    @Test func checkValuesDependOnTheOrderOfAddition() {
        let check = GradientCheck(leaves: 8, count: 100)
        let inOrder = (0..<8).map(check.gradient).reduce([Float](repeating: 0, count: 100)) { zip($0, $1).map(+) }
        #expect(inOrder != check.expected)
    }

    @Test func aSingleProcessLeavesItsGradientUnchanged() throws {
        let synchronizer = try GradientSynchronizer(
            communicator: SoloCommunicator(), tree: ReductionTree(leafCount: 6), runs: [0..<6],
            blocks: GradientBlocks(contiguous: 3, ranks: 1))
        #expect(synchronizer.ownNodes == [ReductionTree(leafCount: 6).root])
        let nodes = try AlignedBuffer<Float>(count: 3)
        _ = nodes.elements.update(from: [1, 2, 3])
        let outcome = try synchronizer.begin(nodes: nodes.pointer).finish(stopSignal: 7)
        #expect(Array(nodes.elements) == [1, 2, 3])
        #expect(outcome.stopSignals == [7])
    }

    /// A step with a missing or duplicate reduction fails instead of giving a wrong sum.
    @Test(arguments: [
        (1, GradientSummation.tree, GradientCompression.none), (2, .tree, .none),
        (2, .tree, .bf16), (2, .library, .none),
    ])
    func aSecondReductionBeforeTheFirstFinishesIsRejected(
        ranks: Int, mode: GradientSummation, compression: GradientCompression
    ) throws {
        let results = try InMemoryCommunicator.run(ranks: ranks) { communicator in
            let synchronizer = try GradientSynchronizer(
                communicator: communicator, tree: ReductionTree(leafCount: ranks),
                runs: Partition.balanced(count: ranks, parts: ranks),
                blocks: GradientBlocks(contiguous: 3, ranks: ranks), mode: mode, compression: compression)
            let nodes = try AlignedBuffer<Float>(count: 3)
            nodes.elements.update(repeating: 1)
            let first = try synchronizer.begin(nodes: nodes.pointer)
            let error = #expect(throws: DTrainError.self) { _ = try synchronizer.begin(nodes: nodes.pointer) }
            #expect(error?.category == .internal)
            _ = try first.finish()
            #expect(Array(nodes.elements) == [Float](repeating: Float(ranks), count: 3))
            // A discarded reduction counts as unfinished.
            _ = try synchronizer.begin(nodes: nodes.pointer)
            #expect(throws: DTrainError.self) { _ = try synchronizer.begin(nodes: nodes.pointer) }
        }
        for result in results { try result.get() }
    }

    @Test func trailersFollowTheirParts() {
        // A block of 10 elements from 20 on, split into 4, 0 and 6; each trailer has 2 elements.
        let layout = TrailerLayout(behind: [20..<24, 24..<24, 24..<30], from: 20, length: 2)
        #expect((0..<3).map(layout.start) == [4, 6, 14])
        var gathered = [0, 1, 2, 3, -1, -1, -2, -2, 4, 5, 6, 7, 8, 9, -3, -3]
        gathered.withUnsafeMutableBufferPointer { gathered in
            if let base = gathered.baseAddress { layout.remove(from: base) }
        }
        #expect(Array(gathered.prefix(10)) == Array(0..<10))
    }

    /// Checks rank 2's plan of two blocks of 48 elements and of the last block with the loss.
    ///
    /// The ranks have 1, 0 and 2 nodes.
    @Test func exchangePlansCountTheBytesOfAllRanks() throws {
        let blocks = GradientBlocks(contiguous: 97, ranks: 3, minBytes: 192)
        let shares = GradientShares(
            tree: ReductionTree(leafCount: 4), runs: [0..<1, 1..<1, 1..<4], blocks: blocks, rank: 2)
        #expect(shares.nodeCounts == [1, 0, 2])
        let (plans, stagingCount) = try shares.plans(
            WireFormat(elementBytes: 4, trailerLength: 2, sendsNodes: true))
        #expect(plans.map(\.elements) == [0..<48, 48..<96, 96..<97])
        #expect(plans.map(\.ownPart) == [32..<48, 80..<96, 96..<97])
        // Rank 2 sends 16 elements of 2 nodes to ranks 0 and 1, and receives 16 elements of 1 node
        // from rank 0.
        #expect((0..<3).map(plans[1].sent.range) == [0..<128, 128..<256, 256..<256])
        #expect((0..<3).map(plans[1].received.range) == [0..<64, 64..<64, 64..<64])
        #expect((plans.map(\.stagingStart), stagingCount) == ([0, 16, 32], 33))
        // The loss and the three trailers are in rank 2's part.
        #expect(plans.map { $0.trailers != nil } == [false, false, true])
        #expect((0..<3).map(plans[1].gathered.range) == [0..<64, 64..<128, 128..<192])
        #expect((0..<3).map(plans[2].gathered.range) == [0..<8, 8..<16, 16..<28])
        #expect(plans.map(\.gatheredStart) == [32, 32, 4])
    }
}
