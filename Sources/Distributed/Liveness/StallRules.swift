/// What is known of a rank: its last record, and for how long it has been the same.
struct ObservedRank: Hashable, Sendable {
    /// The rank's number.
    let rank: Int
    /// What it told last; nil when nothing is known of it.
    var record: LivenessRecord?
    /// Seconds since it last showed a sign of life of its training.
    var still = 0.0
    /// Seconds since its watching thread last took a look.
    var silent = 0.0

    /// Takes in a new record; `seconds` have passed since the last.
    mutating func observe(_ new: LivenessRecord?, seconds: Double) {
        guard let new else { return }
        still = new.beats != record?.beats || new.collectives != record?.collectives ? 0 : still + seconds
        silent = new.looks != record?.looks ? 0 : silent + seconds
        record = new
    }
}

/// Who holds up a job, judged from what is known of its ranks.
struct StallRules: Hashable, Sendable {
    /// How things stand.
    enum Verdict: Hashable, Sendable {
        case fine
        /// Ranks that others wait for, but that move.
        case slow(Hold)
        /// Ranks that others wait for, and that don't move.
        case stuck(Hold)
        /// Ranks whose processes don't run.
        case silent(Hold)
        /// Everybody who is known waits in the same collective; these ranks aren't known.
        case unknown(Hold)
    }

    /// Who waits for whom, and how long.
    struct Hold: Hashable, Sendable {
        /// The ranks waited for.
        var ranks: [Int]
        /// The ranks that wait.
        var waiters: [Int]
        /// Seconds that they have waited.
        var seconds: Double
    }

    /// Seconds that a collective may wait.
    let timeout: Double
    /// Seconds of waiting that are worth a warning.
    let slowAfter: Double

    /// The head start of whoever can name the rank waited for.
    static let headStart = 3.0

    /// Rules for a time limit: `--stall-timeout`.
    init(timeout: Double) {
        self.timeout = timeout
        slowAfter = max(1, min(10, timeout / 2))
    }

    /// Judges.
    ///
    /// - Parameters:
    ///   - ranks: all of the job.
    ///   - typicalStep: the seconds of a step; ranks that wait less than two for another are no news.
    func verdict(_ ranks: [ObservedRank], typicalStep: Double = 0) -> Verdict {
        let known = ranks.filter { $0.record != nil }
        // A stopped process notes no waiting time any more; who waits long does run.
        let running = known.filter { $0.silent < timeout - tolerance }
        let waiters = running.filter { ($0.record?.waited ?? -1) >= 0 }
        let longest = Double(waiters.compactMap { $0.record?.waited }.max() ?? 0) / 1000
        guard longest >= min(slowAfter, timeout) else { return .fine }
        let furthest = waiters.compactMap { $0.record?.collectives }.max() ?? 0
        // Whoever waits in an earlier collective is held up, too.
        let laggards = known.filter { ($0.record?.collectives ?? 0) < furthest && ($0.record?.waited ?? 0) < 0 }
        func hold(_ ranks: [ObservedRank]) -> Hold {
            let names = Set(ranks.map(\.rank))
            return Hold(
                ranks: ranks.map(\.rank), waiters: waiters.map(\.rank).filter { !names.contains($0) }, seconds: longest)
        }
        if longest >= timeout {
            let silent = known.filter { $0.silent >= timeout - tolerance }
            if !silent.isEmpty { return .silent(hold(silent)) }
            let stuck = laggards.filter { $0.still >= timeout - tolerance }
            if !stuck.isEmpty { return .stuck(hold(stuck)) }
            // What others have told may be older than their last move; somebody who has moved shows that nothing is stuck.
            let isBlind =
                laggards.isEmpty && longest >= timeout + Self.headStart
                && known.allSatisfy { $0.still >= timeout - tolerance }
            if isBlind { return .unknown(hold(ranks.filter { $0.record == nil })) }
        }
        guard longest >= max(slowAfter, 2 * typicalStep), !laggards.isEmpty else { return .fine }
        return .slow(hold(laggards))
    }

    /// Who stops just after a sign of life is seen to be still a little less long than the others wait.
    private var tolerance: Double { min(1.5, timeout / 2) }
}
