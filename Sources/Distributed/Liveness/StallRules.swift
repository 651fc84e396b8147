/// The last record of a rank, and for how long it has been unchanged.
struct ObservedRank: Hashable, Sendable {
    /// The rank's number.
    let rank: Int
    /// Its last record; nil before the first.
    var record: LivenessRecord?
    /// Seconds since the last sign of life of its training.
    var still = 0.0
    /// Seconds since the last round of its watching thread.
    var silent = 0.0

    /// Updates from a new record, `seconds` after the last update.
    mutating func observe(_ new: LivenessRecord?, seconds: Double) {
        guard let new else { return }
        still = new.beats != record?.beats || new.collectives != record?.collectives ? 0 : still + seconds
        silent = new.looks != record?.looks ? 0 : silent + seconds
        record = new
    }
}

/// The rules that find the ranks which hold up a job.
struct StallRules: Hashable, Sendable {
    /// The state of the job.
    enum Verdict: Hashable, Sendable {
        case fine
        /// Others wait for these ranks, which make progress.
        case slow(Hold)
        /// Others wait for these ranks, which make no progress.
        case stuck(Hold)
        /// The processes of these ranks don't run.
        case silent(Hold)
        /// All ranks with a record wait in the same collective; these ranks have none.
        case unknown(Hold)
    }

    /// The stragglers, the ranks that wait for them, and for how long.
    struct Hold: Hashable, Sendable {
        /// The ranks waited for.
        var ranks: [Int]
        /// The ranks that wait.
        var waiters: [Int]
        /// Seconds that they have waited.
        var seconds: Double
    }

    /// The seconds that a collective may wait.
    let timeout: Double
    /// The seconds of waiting before a warning.
    let slowAfter: Double

    /// The seconds by which a rank that can name the straggler reports earlier than one that can't.
    static let headStart = 3.0

    /// Creates rules for a time limit in seconds.
    init(timeout: Double) {
        self.timeout = timeout
        slowAfter = max(1, min(10, timeout / 2))
    }

    /// Finds the state of the job.
    ///
    /// - Parameters:
    ///   - ranks: all ranks of the job.
    ///   - typicalStep: the seconds of a step; shorter waits than two steps are normal.
    func verdict(_ ranks: [ObservedRank], typicalStep: Double = 0) -> Verdict {
        let known = ranks.filter { $0.record != nil }
        // A stopped process doesn't count its waiting time, so a rank with a long wait is running.
        let running = known.filter { $0.silent < timeout - tolerance }
        let waiters = running.filter { ($0.record?.waited ?? -1) >= 0 }
        let longest = Double(waiters.compactMap { $0.record?.waited }.max() ?? 0) / 1000
        guard longest >= min(slowAfter, timeout) else { return .fine }
        let furthest = waiters.compactMap { $0.record?.collectives }.max() ?? 0
        // A rank that waits in an earlier collective is held up, too.
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
            // Records may be older than the last progress; if any rank has made progress, nothing
            // is stuck.
            let isBlind =
                laggards.isEmpty && longest >= timeout + Self.headStart
                && known.allSatisfy { $0.still >= timeout - tolerance }
            if isBlind { return .unknown(hold(ranks.filter { $0.record == nil })) }
        }
        guard longest >= max(slowAfter, 2 * typicalStep), !laggards.isEmpty else { return .fine }
        return .slow(hold(laggards))
    }

    /// A rank that stops just after a sign of life has been still for slightly less time than the
    /// others have waited.
    private var tolerance: Double { min(1.5, timeout / 2) }
}
