import DTrainCore
import Testing

@testable import DTrainDistributed

/// The reports of stalled and lost ranks to users.
@Suite struct JobObserverTests {
    private func record(
        _ rank: Int, _ phase: TrainingPhase, step: Int = 12, rounds: Int, beats: Int = 0, collectives: Int,
        waited: Int = -1
    ) -> LivenessRecord {
        LivenessRecord(
            rank: rank, rounds: rounds, positionCode: TrainingPosition(step: step, phase: phase).code, beats: beats,
            collectives: collectives, waited: waited)
    }

    private func observer() -> JobObserver {
        JobObserver(rank: 0, names: ["rank 0 (alpha)", "rank 1 (alpha)", "rank 2 (beta)"], timeout: 4)
    }

    /// Runs rounds of half a second in which rank 2 computes and the others wait.
    ///
    /// `beats` gives rank 2's heartbeat by round.
    private func findings(rounds: Int, beats: (Int) -> Int) -> [JobObserver.Finding] {
        var observer = observer()
        return (1...rounds).compactMap { round in
            let waiting = (0...1).map { rank in
                record(rank, .exchange, rounds: round, collectives: 8, waited: round * 500)
            }
            let last = record(2, .forward, rounds: round, beats: beats(round), collectives: 7)
            return observer.judge(waiting + [last], operation: "MPI_Alltoallv", seconds: 0.5)
        }
    }

    @Test func aStuckRankIsNamedWithHostStepAndPhase() {
        let findings = findings(rounds: 8) { _ in 0 }
        #expect(
            findings.last
                == .end(
                    "rank 2 (beta) at step 12 in forward/backward has not moved for 4 s; ranks 0, 1 wait in "
                        + "MPI_Alltoallv; find the cause and continue with `resume`, or allow more time with "
                        + "`stall-timeout`"))
    }

    @Test func aSlowRankCausesOneWarningPerMinuteAndNeverEndsTheJob() {
        let findings = findings(rounds: 130) { $0 }
        let warnings = findings.compactMap { if case .warning(let text) = $0 { text } else { nil } }
        #expect(warnings.count == findings.count)
        #expect(warnings.count == 2)
        #expect(
            warnings.first
                == "rank 2 (beta) at step 12 in forward/backward, behind but moving: ranks 0, 1 have waited 2 s "
                + "at step 12 in exchange")
    }

    @Test func lostRanksAreNamed() {
        let records = [
            record(1, .save, rounds: 9, collectives: 9), record(2, .startUp, step: 0, rounds: 1, collectives: 0),
        ]
        #expect(
            observer().describe([1: .ended], records)
                == "rank 1 (alpha) at step 12 in save was lost: killed or crashed; "
                + "continue from the last checkpoint with `resume`")
        #expect(
            observer().describe([1: .unreachable, 2: .unreachable], records).hasPrefix(
                "rank 1 (alpha) at step 12 in save, rank 2 (beta) in start-up were lost: no answer over the network "
                    + "to rank 0 (alpha); "))
    }
}
