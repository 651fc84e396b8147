import DTrainCore

/// The processors of one host and this rank's share of them.
///
/// Derived from the affinity masks and CPU quotas of the host's ranks.
public struct SharedProcessors: Hashable, Sendable {
    /// The affinity masks of the host's ranks, by local rank.
    let masks: [ProcessorSet]
    /// The CPU quotas of the host's ranks, by local rank.
    private let quotas: [ProcessorQuota]
    /// This process's rank on its host.
    private let localRank: Int

    /// Describes a host by the masks and quotas of its ranks; nil stands for no quotas.
    package init(masks: [ProcessorSet], quotas: [ProcessorQuota]? = nil, localRank: Int) {
        precondition(masks.indices.contains(localRank), "a mask for each rank of the host")
        self.masks = masks
        self.quotas = quotas ?? masks.map { _ in ProcessorQuota() }
        self.localRank = localRank
    }

    /// The number of processors that the ranks of the host may use together; quotas are rounded up.
    package var count: Int { quota.map { min(unionCount, ProcessorQuota.threads(in: $0)) } ?? unionCount }

    /// The number of processors in the masks of the host's ranks.
    package var unionCount: Int { Self.union(masks).count }

    /// The CPU quota of the host's ranks together, in processors; nil if it doesn't limit them.
    package var quota: Double? {
        let time = masks.indices.reduce(0.0) { sum, rank in
            sum + min(Double(masks[rank].count), share(of: rank) ?? .infinity)
        }
        guard masks.indices.contains(where: { share(of: $0) != nil }), time < Double(unionCount) else { return nil }
        return time
    }

    /// The default number of worker threads of this rank: its processors divided by the number of
    /// ranks that may run on some of them, limited by its share of the quotas.
    package var defaultThreads: Int {
        let threads = max(1, masks[localRank].count / peers.count)
        return share(of: localRank).map { min(threads, ProcessorQuota.threads(in: $0)) } ?? threads
    }

    /// Returns whether worker threads take turns on this rank's processors; waiting threads must
    /// then yield.
    ///
    /// - Parameter threads: the number of worker threads of each rank of the host.
    package func isOversubscribed(threads: [Int]) -> Bool {
        let load = load(threads: threads)
        return load.threads > load.processors || isThrottled(threads: threads)
    }

    /// Returns the number of worker threads that may run on this rank's processors, and the number
    /// of processors that they share.
    ///
    /// - Parameter threads: the number of worker threads of each rank of the host.
    package func load(threads: [Int]) -> (threads: Int, processors: Int) {
        (peers.reduce(0) { $0 + threads[$1] }, Self.union(peers.map { masks[$0] }).count)
    }

    /// Returns whether the threads can exhaust a quota of this rank; spinning then takes time from
    /// other threads.
    private func isThrottled(threads: [Int]) -> Bool {
        quotas[localRank].limits.contains { limit in
            let together = members(of: limit.group).reduce(0) { $0 + threads[$1] }
            return Double(together) > limit.processors
        }
    }

    /// Returns the smallest share of a rank in its quotas, each divided equally among the ranks
    /// under it.
    private func share(of rank: Int) -> Double? {
        quotas[rank].limits.map { $0.processors / Double(members(of: $0.group).count) }.min()
    }

    private func members(of group: UInt64) -> [Int] {
        quotas.indices.filter { quotas[$0].limits.contains { $0.group == group } }
    }

    /// This rank's processors if no other rank of the host may run on them and no quota limits
    /// their time; else nil.
    var own: ProcessorSet? { peers.count == 1 && quotas[localRank].limits.isEmpty ? masks[localRank] : nil }

    /// The ranks that may run on some of this rank's processors, this rank included.
    private var peers: [Int] {
        masks.indices.filter { $0 == localRank || !masks[$0].numbers.isDisjoint(with: masks[localRank].numbers) }
    }

    /// The processors in the masks of the host's ranks.
    var union: ProcessorSet { ProcessorSet(Self.union(masks)) }

    private static func union(_ masks: [ProcessorSet]) -> Set<Int> {
        masks.reduce(into: []) { $0.formUnion($1.numbers) }
    }
}
