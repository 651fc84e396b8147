import DTrainCore

/// Finds stalls in the ranks' records and words the messages about them.
///
/// Used by the watching thread only. That thread also measures the time, so the suspension of a
/// whole job doesn't count.
struct JobObserver {
    /// A message to report.
    enum Finding: Hashable, Sendable {
        case warning(String)
        /// The job can't continue.
        case end(String)
    }

    private let rank: Int
    private let names: [String]
    private let rules: StallRules?
    private var ranks: [ObservedRank]
    private var stepDuration = StepDuration()
    private var sinceWarning = Double.infinity

    /// The minimum number of seconds between warnings about slow ranks.
    private static let warningInterval = 60.0

    /// Creates a rank's observer; `names` are the names of all ranks, in rank order.
    init(rank: Int, names: [String], timeout: Int?) {
        (self.rank, self.names) = (rank, names)
        rules = timeout.map { StallRules(timeout: Double($0)) }
        ranks = names.indices.map { ObservedRank(rank: $0) }
    }

    /// Updates the state from all known records; returns a message if there is one.
    ///
    /// - Parameters:
    ///   - records: the records of all known ranks, including this one.
    ///   - operation: the collective that this rank waits in.
    ///   - seconds: the time since the last call.
    mutating func judge(_ records: [LivenessRecord], operation: String?, seconds: Double) -> Finding? {
        var latest: [Int: LivenessRecord] = [:]
        for record in records where ranks.indices.contains(record.rank) { latest[record.rank] = record }
        for index in ranks.indices { ranks[index].observe(latest[index], seconds: seconds) }
        stepDuration.observe(latest[rank]?.position?.step, seconds: seconds)
        sinceWarning += seconds
        guard let rules, isJudge(rules) else { return nil }
        let verdict = rules.verdict(ranks, typicalStep: stepDuration.typical)
        if case .slow(let stragglers) = verdict {
            guard rank == 0, sinceWarning >= Self.warningInterval else { return nil }
            sinceWarning = 0
            return .warning(describeSlow(stragglers))
        }
        return describe(verdict, operation ?? "a collective").map(Finding.end)
    }

    /// Returns whether this rank decides: rank 0, which all ranks report to, or any rank if rank 0
    /// is silent.
    private func isJudge(_ rules: StallRules) -> Bool {
        rank == 0 || ranks[0].record == nil || ranks[0].silent >= rules.timeout / 2
    }

    /// Returns a message about lost connections.
    ///
    /// - Parameters:
    ///   - losses: how the connection of each lost rank ended.
    ///   - records: the newest records.
    func describe(_ losses: [Int: LivenessSocket.Loss], _ records: [LivenessRecord]) -> String {
        let lost = losses.keys.sorted()
        let subjects = lost.map { other in
            names[other] + position(records.first { $0.rank == other } ?? ranks[other].record)
        }
        let verb = lost.count == 1 ? "was lost" : "were lost"
        let subject = subjects.joined(separator: ", ")
        guard losses.values.allSatisfy({ $0 == .unreachable }) else {
            return "\(subject) \(verb): killed or crashed; \(Self.advice)"
        }
        return "\(subject) \(verb): no answer over the network to \(names[rank]); check the network, then "
            + Self.advice
    }

    /// Returns a message about ranks that haven't connected to rank 0.
    func describeMissing(_ missing: [Int], lacksDescriptors: Bool) -> String {
        guard !lacksDescriptors else {
            return
                "\(names[0]) may open too few files to watch \(list(missing)): a lost or stopped process is detected "
                + "only after `stall-timeout`; allow more files there (ulimit -n)"
        }
        return
            "\(list(missing)) cannot reach \(names[0]) over TCP: there, a lost or stopped process is detected only after "
            + "`stall-timeout`; let the hosts connect to each other"
    }

    /// Returns a message about rejected connections.
    func describe(_ rejected: RejectedConnections) -> String {
        let count = rejected.count
        return "\(names[0]): closed \(count) connection\(count == 1 ? "" : "s") from outside the job to port "
            + "\(rejected.port), the first from \(HostAddress.text(rejected.first)); the training isn't affected, see "
            + "SECURITY.md"
    }

    private func describe(_ verdict: StallRules.Verdict, _ operation: String) -> String? {
        switch verdict {
        case .fine, .slow: return nil
        case .stuck(let stragglers):
            return "\(namesAndPositions(stragglers.ranks)) \(has(stragglers.ranks)) not moved for "
                + "\(Int(stragglers.seconds)) s; \(waiting(stragglers)) in \(operation); \(Self.stallAdvice)"
        case .silent(let stragglers):
            return "\(namesAndPositions(stragglers.ranks)) \(has(stragglers.ranks)) not run for "
                + "\(Int(stragglers.seconds)) s: stopped, or starved by its machine; \(waiting(stragglers)) "
                + "in \(operation); \(Self.stallAdvice)"
        case .unknown(let stragglers):
            let others = stragglers.ranks.isEmpty ? "the MPI library or the network" : list(stragglers.ranks)
            let position = position(ranks[rank].record)
            return "\(names[rank])\(position): waited \(Int(stragglers.seconds)) s in \(operation) for \(others); "
                + Self.stallAdvice
        }
    }

    private func describeSlow(_ stragglers: StallRules.Stragglers) -> String {
        let there = stragglers.waiters.compactMap { ranks[$0].record?.position }.max()
        let still = Int(stragglers.ranks.map { ranks[$0].still }.max() ?? 0)
        let state = still <= max(1, Int(stragglers.seconds) / 2) ? "behind but moving" : "not moving for \(still) s"
        return "\(namesAndPositions(stragglers.ranks)), \(state): \(list(stragglers.waiters)) "
            + "\(has(stragglers.waiters)) waited \(Int(stragglers.seconds)) s\(there.map { " \($0)" } ?? "")"
    }

    private static let advice = "continue from the last checkpoint with `resume`"
    private static let stallAdvice =
        "find the cause and continue with `resume`, or allow more time with `stall-timeout`"

    private func position(_ record: LivenessRecord?) -> String { record?.position.map { " \($0)" } ?? "" }

    private func namesAndPositions(_ ranks: [Int]) -> String {
        ranks.map { names[$0] + position(self.ranks[$0].record) }.joined(separator: ", ")
    }

    private func has(_ ranks: [Int]) -> String { ranks.count == 1 ? "has" : "have" }

    private func waiting(_ stragglers: StallRules.Stragglers) -> String {
        "\(list(stragglers.waiters)) \(stragglers.waiters.count == 1 ? "waits" : "wait")"
    }

    /// Returns a list of ranks, such as `rank 2` or `ranks 1, 3, 4`.
    private func list(_ ranks: [Int]) -> String {
        let shown = ranks.prefix(20).map(String.init).joined(separator: ", ")
        let more = ranks.count > 20 ? " and \(ranks.count - 20) more" : ""
        return (ranks.count == 1 ? "rank " : "ranks ") + shown + more
    }
}

/// The typical duration of a step, which distinguishes a slow rank from slow steps.
private struct StepDuration {
    private var step = 0
    private var since = 0.0
    /// The typical duration in seconds; 0 until a step is complete.
    private(set) var typical = 0.0

    mutating func observe(_ current: Int?, seconds: Double) {
        since += seconds
        guard let current, current > step else { return }
        let mean = since / Double(current - step)
        typical = step == 0 ? 0 : typical == 0 ? mean : 0.8 * typical + 0.2 * mean
        (step, since) = (current, 0)
    }
}
