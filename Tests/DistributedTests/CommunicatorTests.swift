import DTrainCore
import DTrainDistributed
import DistributedTesting
import Testing

@Suite struct CommunicatorTests {
    @Test(arguments: CommunicatorCheck.all)
    func soloCommunicatorPassesEveryCheck(check: CommunicatorCheck) throws {
        try check.run(SoloCommunicator())
    }

    @Test(arguments: CommunicatorCheck.all, 1...5)
    func inMemoryCommunicatorPassesEveryCheck(check: CommunicatorCheck, ranks: Int) throws {
        for result in try InMemoryCommunicator.run(ranks: ranks, { try check.run($0) }) { try result.get() }
    }

    @Test func aMissingRankEndsTheWaitWithAnError() throws {
        let results = try InMemoryCommunicator.run(ranks: 3, seconds: 0.2) { ranks in
            if ranks.rank != 1 { try ranks.barrier() }
        }
        #expect(throws: Never.self) { try results[1].get() }
        for rank in [0, 2] {
            let error = #expect(throws: DTrainError.self) { try results[rank].get() }
            #expect(error?.message.contains("waited 0.2 s in 'barrier'") == true)
        }
    }

    @Test func differentOperationsFailOnAllRanks() throws {
        let results = try InMemoryCommunicator.run(ranks: 2) { ranks in
            if ranks.rank == 0 { try ranks.barrier() } else { _ = try ranks.allGather(1) }
        }
        for result in results { #expect(throws: DTrainError.self) { try result.get() } }
    }

    @Test func unequalCountsFailOnAllRanks() throws {
        let results = try InMemoryCommunicator.run(ranks: 3) { ranks in
            var bytes = [UInt8](repeating: 0, count: ranks.rank == 2 ? 5 : 4)
            try bytes.withUnsafeMutableBytes { try ranks.broadcast($0, from: 0) }
        }
        for result in results { #expect(throws: DTrainError.self) { try result.get() } }
    }

    @Test func blocksFromCountsAreContiguous() throws {
        let blocks = try RankBlocks(counts: [3, 0, 4])
        #expect((0..<3).map(blocks.range) == [0..<3, 3..<3, 3..<7])
    }

    @Test func blocksBeyond32BitsAreRejected() throws {
        let limit = Int(Int32.max)
        #expect(try RankBlocks(counts: [limit - 1, 1]).range(of: 1) == limit - 1..<limit)
        let error = #expect(throws: DTrainError.self) { try RankBlocks(counts: [limit, 1]) }
        #expect(error?.category == .usage)
        #expect(error?.message.contains("2147483648") == true)
    }
}
