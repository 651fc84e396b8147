import DTrainCore
import Testing

@testable import DTrainDistributed

@Suite struct ReplicaAgreementTests {
    /// The common error of all ranks.
    private func error(
        ranks: Int, _ body: @escaping @Sendable (any Communicator, ReplicaAgreement) throws -> Void
    ) throws -> DTrainError? {
        let results = try InMemoryCommunicator.run(ranks: ranks) { try body($0, ReplicaAgreement($0)) }
        let errors = try results.map { result -> DTrainError? in
            do {
                try result.get()
                return nil
            } catch let error as CollectiveError {
                return error.error
            }
        }
        #expect(Set(errors).count == 1, "all ranks throw the same error")
        return errors[0]
    }

    @Test(arguments: 1...4)
    func equalSettingsPass(ranks: Int) throws {
        let error = try error(ranks: ranks) { _, agreement in
            try agreement.requireSameOnAllRanks([("--seed", "42"), ("--data", ""), ("corpus", "a=b")])
        }
        #expect(error == nil)
    }

    @Test func aDifferingSettingIsNamedWithRanksAndValues() throws {
        let error = try #require(
            try error(ranks: 4) { ranks, agreement in
                let seed = [1, 3].contains(ranks.rank) ? "7" : "42"
                try agreement.requireSameOnAllRanks([("--layers", "1"), ("--seed", seed)])
            })
        #expect(error.category == .usage)
        #expect(error.message.hasPrefix("--seed differs: '42' on rank 0, '7' on rank 1 ("))
        #expect(error.message.contains("rank 3 ("))
        #expect(!error.message.contains("rank 2"))
        #expect(!error.message.contains("--layers"))
    }

    @Test func aSettingMissingOnOneRankIsNamed() throws {
        let error = try #require(
            try error(ranks: 2) { ranks, agreement in
                try agreement.requireSameOnAllRanks(ranks.rank == 0 ? [] : [("--init", "a.safetensors")])
            })
        #expect(error.message.hasPrefix("--init differs: nothing on rank 0, 'a.safetensors' on rank 1 ("))
    }

    @Test func ranksWithoutErrorsPass() throws {
        #expect(try error(ranks: 3) { _, agreement in try agreement.agree(localError: nil) } == nil)
    }

    @Test func anErrorOfOneRankReachesAllRanks() throws {
        let error = try #require(
            try error(ranks: 3) { ranks, agreement in
                try agreement.agree(localError: ranks.rank == 2 ? DTrainError(.noInput, "no file 'x y'") : nil)
            })
        #expect(error.category == .noInput)
        #expect(error.message.hasPrefix("rank 2 ("))
        #expect(error.message.hasSuffix("): no file 'x y'"))
    }

    @Test func allFailingRanksAreNamed() throws {
        let error = try #require(
            try error(ranks: 3) { ranks, agreement in
                try agreement.agree(localError: ranks.rank > 0 ? DTrainError(.badData, "bad \(ranks.rank)") : nil)
            })
        #expect(error.message.contains("bad 1 (and on rank 2 ("))
    }

    @Test func theHintOfAnErrorReachesAllRanks() throws {
        let error = try #require(
            try error(ranks: 3) { ranks, agreement in
                try agreement.agree(
                    localError: ranks.rank == 0 ? DTrainError(.usage, "bad 0", hint: "lower `seed`") : nil)
            })
        #expect(error.hint == "lower `seed`")
        #expect(error.description.hasSuffix("): bad 0; lower `seed`"))
    }

    @Test func theErrorOfASingleProcessNamesNoRank() {
        let error = #expect(throws: CollectiveError.self) {
            try ReplicaAgreement(SoloCommunicator()).agree(localError: DTrainError(.badData, "a line"))
        }
        #expect(error?.error == DTrainError(.badData, "a line"))
    }

    @Test func aBodyThatThrowsOnOneRankFailsAllRanks() throws {
        let error = try #require(
            try error(ranks: 2) { ranks, _ in
                let value = try ranks.collectively { () throws -> Int in
                    if ranks.rank == 1 { throw DTrainError(.inputOutput, "disk full") }
                    return 5
                }
                #expect(value == 5)
            })
        #expect(error.category == .inputOutput)
    }

    @Test func equalReplicasPass() throws {
        let error = try error(ranks: 3) { _, agreement in
            try [Float(1), 2].withUnsafeBytes { try agreement.requireSameReplica($0, "the weights") }
        }
        #expect(error == nil)
    }

    @Test(arguments: [0, 1, 2])
    func aReplicaThatDiffersFromMostIsNamed(odd: Int) throws {
        let error = try #require(
            try error(ranks: 3) { ranks, agreement in
                let weights: [Float] = ranks.rank == odd ? [1, 2.0000002] : [1, 2]
                try weights.withUnsafeBytes { try agreement.requireSameReplica($0, "the weights after step 7") }
            })
        #expect(error.category == .internal)
        #expect(error.message.hasPrefix("the weights after step 7 on rank \(odd) ("))
        #expect(error.message.contains("differ from those on most ranks"))
    }

    @Test func withoutAMajorityAllRanksAreNamed() throws {
        let error = try #require(
            try error(ranks: 2) { ranks, agreement in
                try [Float(ranks.rank)].withUnsafeBytes { try agreement.requireSameReplica($0, "the weights") }
            })
        let host = currentHostName()
        let names = "the weights differ: those on rank 0 (\(host)) are not those on rank 1 (\(host)); "
        #expect(error.message.hasPrefix(names))
    }
}
