/// A rank's last record and how long it has been unchanged.
struct ObservedRank: Hashable, Sendable {
    /// The rank.
    let rank: Int
    /// The last record; nil before the first one.
    var record: LivenessRecord?
    /// The seconds since the training's last heartbeat or collective.
    var still = 0.0
    /// The seconds since the last round of the watching thread.
    var silent = 0.0

    /// Updates from a new record, `seconds` after the last update.
    mutating func observe(_ new: LivenessRecord?, seconds: Double) {
        guard let new else { return }
        still = new.beats != record?.beats || new.collectives != record?.collectives ? 0 : still + seconds
        silent = new.rounds != record?.rounds ? 0 : silent + seconds
        record = new
    }
}

/// The rules that find stragglers.
struct StallRules: Hashable, Sendable {
    /// The state of the job.
    enum Verdict: Hashable, Sendable {
        case fine
        /// Other ranks wait for these ranks, which make progress.
        case slow(Stragglers)
        /// Other ranks wait for these ranks, which make no progress.
        case stuck(Stragglers)
        /// The processes of these ranks don't run.
        case silent(Stragglers)
        /// All ranks with a record wait in the same collective; these ranks have no record.
        case unknown(Stragglers)
    }

    /// The stragglers, the ranks that wait for them, and the waiting time.
    struct Stragglers: Hashable, Sendable {
        /// The stragglers.
        var ranks: [Int]
        /// The waiting ranks.
        var waiters: [Int]
        /// The longest waiting time, in seconds.
        var seconds: Double
    }

    /// The seconds that a collective may wait before the job ends.
    let timeout: Double
    /// The seconds that a collective may wait before a warning.
    let slowAfter: Double

    /// The extra seconds that a rank waits before it reports a stall without naming a straggler.
    static let unexplainedDelay = 3.0

    /// Creates the rules for a time limit in seconds.
    init(timeout: Double) {
        self.timeout = timeout
        slowAfter = max(1, min(10, timeout / 2))
    }

    /// Returns the state of the job.
    ///
    /// - Parameters:
    ///   - ranks: all ranks of the job.
    ///   - typicalStep: the typical duration of a step in seconds; waits shorter than two steps are
    ///     normal.
    func verdict(_ ranks: [ObservedRank], typicalStep: Double = 0) -> Verdict {
        let known = ranks.filter { $0.record != nil }
        // A stopped process doesn't count its waiting time, so a rank with a long wait is running.
        let running = known.filter { $0.silent < timeout - tolerance }
        let waiters = running.filter { ($0.record?.waited ?? -1) >= 0 }
        let longest = Double(waiters.compactMap { $0.record?.waited }.max() ?? 0) / 1000
        guard longest >= min(slowAfter, timeout) else { return .fine }
        let furthest = waiters.compactMap { $0.record?.collectives }.max() ?? 0
        // A rank that waits in an earlier collective isn't a straggler; it waits for one.
        let behind = known.filter { ($0.record?.collectives ?? 0) < furthest && ($0.record?.waited ?? 0) < 0 }
        func stragglers(_ ranks: [ObservedRank]) -> Stragglers {
            let names = Set(ranks.map(\.rank))
            return Stragglers(
                ranks: ranks.map(\.rank), waiters: waiters.map(\.rank).filter { !names.contains($0) }, seconds: longest)
        }
        if longest >= timeout {
            let silent = known.filter { $0.silent >= timeout - tolerance }
            if !silent.isEmpty { return .silent(stragglers(silent)) }
            let stuck = behind.filter { $0.still >= timeout - tolerance }
            if !stuck.isEmpty { return .stuck(stragglers(stuck)) }
            // Records may be older than the last progress. If any rank has made progress, nothing
            // is stuck.
            let isUnexplained =
                behind.isEmpty && longest >= timeout + Self.unexplainedDelay
                && known.allSatisfy { $0.still >= timeout - tolerance }
            if isUnexplained { return .unknown(stragglers(ranks.filter { $0.record == nil })) }
        }
        guard longest >= max(slowAfter, 2 * typicalStep), !behind.isEmpty else { return .fine }
        return .slow(stragglers(behind))
    }

    /// The seconds by which a straggler may have been still for less time than others have waited,
    /// because it stopped just after a heartbeat.
    private var tolerance: Double { min(1.5, timeout / 2) }
}
