import DTrainCore
import Testing

@testable import DTrainDistributed

/// The diagnosis of stalls from liveness records.
@Suite struct StallRulesTests {
    private let rules = StallRules(timeout: 20)

    private func rank(
        _ rank: Int, collectives: Int, waited: Double? = nil, still: Double = 0, silent: Double = 0
    ) -> ObservedRank {
        let record = LivenessRecord(
            rank: rank, collectives: collectives, waited: waited.map { Int($0 * 1000) } ?? -1)
        return ObservedRank(rank: rank, record: record, still: still, silent: silent)
    }

    @Test func shortWaitsAreFine() {
        #expect(rules.verdict([rank(0, collectives: 8, waited: 9), rank(1, collectives: 7)]) == .fine)
    }

    @Test func aStragglerWithProgressIsSlowNotStuck() {
        let verdict = rules.verdict([rank(0, collectives: 8, waited: 500), rank(1, collectives: 7, still: 3)])
        #expect(verdict == .slow(.init(ranks: [1], waiters: [0], seconds: 500)))
    }

    @Test func waitsBelowTwoTypicalStepsAreFine() {
        let ranks = [rank(0, collectives: 8, waited: 15), rank(1, collectives: 7)]
        #expect(rules.verdict(ranks, typicalStep: 8) == .fine)
        #expect(rules.verdict(ranks, typicalStep: 7) == .slow(.init(ranks: [1], waiters: [0], seconds: 15)))
    }

    @Test func aStragglerWithoutProgressIsStuck() {
        let verdict = rules.verdict([
            rank(0, collectives: 8, waited: 20), rank(1, collectives: 7, still: 19),
            rank(2, collectives: 8, waited: 20),
        ])
        #expect(verdict == .stuck(.init(ranks: [1], waiters: [0, 2], seconds: 20)))
    }

    /// A suspended process appears to wait, since its last record says so.
    @Test func aSuspendedProcessIsSilent() {
        let verdict = rules.verdict([
            rank(0, collectives: 8, waited: 20), rank(1, collectives: 8, waited: 0.2, still: 19.5, silent: 19.5),
        ])
        #expect(verdict == .silent(.init(ranks: [1], waiters: [0], seconds: 20)))
    }

    @Test func aRankWaitingInAnEarlierCollectiveIsNotTheStraggler() {
        let verdict = rules.verdict([
            rank(0, collectives: 9, waited: 20), rank(1, collectives: 8, waited: 20, still: 20),
            rank(2, collectives: 7, still: 20),
        ])
        #expect(verdict == .stuck(.init(ranks: [2], waiters: [0, 1], seconds: 20)))
    }

    @Test func ranksWithoutRecordsAreReportedAfterTheExtraDelay() {
        let unknown = ObservedRank(rank: 2, record: nil)
        func ranks(_ waited: Double) -> [ObservedRank] {
            (0...1).map { rank($0, collectives: 8, waited: waited, still: waited) } + [unknown]
        }
        #expect(rules.verdict(ranks(22.9)) == .fine)
        #expect(rules.verdict(ranks(23)) == .unknown(.init(ranks: [2], waiters: [0, 1], seconds: 23)))
    }

    /// Rank 0 was slow and has just arrived; the records of ranks 1 and 2 are older.
    @Test func aRankThatHasJustArrivedMeansNoStall() {
        let verdict = rules.verdict([
            rank(0, collectives: 8, waited: 0), rank(1, collectives: 8, waited: 60, still: 60),
            rank(2, collectives: 8, waited: 60, still: 60),
        ])
        #expect(verdict == .fine)
    }

    /// Only the seconds between observations count, so a suspension of the whole job isn't a stall.
    @Test func heartbeatsResetTheStillTimeAndRoundsTheSilentTime() {
        var observed = rank(1, collectives: 7)
        observed.observe(LivenessRecord(rank: 1, rounds: 5, collectives: 7), seconds: 1)
        #expect(observed.still == 1 && observed.silent == 0)
        observed.observe(LivenessRecord(rank: 1, rounds: 5, beats: 1, collectives: 7), seconds: 1)
        #expect(observed.still == 0 && observed.silent == 1)
    }
}
