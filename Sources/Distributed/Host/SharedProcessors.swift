import DTrainCore

/// The processors of one host and this rank's share of them, derived from the affinity masks and
/// the CPU quotas of the host's ranks.
public struct SharedProcessors: Hashable, Sendable {
    /// The affinity masks of the host's ranks, by local rank.
    let masks: [ProcessorSet]
    /// Their quotas, by local rank.
    private let quotas: [ProcessorQuota]
    /// This rank's number on its host.
    private let localRank: Int

    /// Describes a host from the masks and quotas of its ranks; without quotas, there are none.
    package init(masks: [ProcessorSet], quotas: [ProcessorQuota]? = nil, localRank: Int) {
        precondition(masks.indices.contains(localRank), "a mask for each rank of the host")
        self.masks = masks
        self.quotas = quotas ?? masks.map { _ in ProcessorQuota() }
        self.localRank = localRank
    }

    /// The number of processors that the ranks of the host may use together, quotas rounded up.
    package var count: Int { quota.map { min(unionCount, ProcessorQuota.threads(in: $0)) } ?? unionCount }

    /// The number of processors in the masks of the host's ranks.
    package var unionCount: Int { Self.union(masks).count }

    /// The processor time that quotas leave to the ranks of the host together; nil when it is not
    /// less than their processors.
    package var quota: Double? {
        let time = masks.indices.reduce(0.0) { sum, rank in
            sum + min(Double(masks[rank].count), share(of: rank) ?? .infinity)
        }
        guard masks.indices.contains(where: { share(of: $0) != nil }), time < Double(unionCount) else { return nil }
        return time
    }

    /// The default number of worker threads of this rank: its processors divided by the ranks that
    /// may run on some of them, as far as its share of the quotas allows.
    package var defaultThreads: Int {
        let threads = max(1, masks[localRank].count / peers.count)
        return share(of: localRank).map { min(threads, ProcessorQuota.threads(in: $0)) } ?? threads
    }

    /// Returns whether worker threads take turns on this rank's processors, so that waiting threads
    /// must yield.
    ///
    /// - Parameter threads: the worker threads of each rank of the host.
    package func areCrowded(threads: [Int]) -> Bool {
        let load = load(threads: threads)
        return load.threads > load.processors || isThrottled(threads: threads)
    }

    /// The worker threads on this rank's processors, and the number of these processors.
    ///
    /// - Parameter threads: the worker threads of each rank of the host.
    package func load(threads: [Int]) -> (threads: Int, processors: Int) {
        (peers.reduce(0) { $0 + threads[$1] }, Self.union(peers.map { masks[$0] }).count)
    }

    /// Whether the threads use up a quota that holds for this rank, so that spinning costs others' time.
    private func isThrottled(threads: [Int]) -> Bool {
        quotas[localRank].limits.contains { limit in
            let together = members(of: limit.group).reduce(0) { $0 + threads[$1] }
            return Double(together) > limit.processors
        }
    }

    /// The least share that a rank has of its quotas, each divided among the ranks that it holds for.
    private func share(of rank: Int) -> Double? {
        quotas[rank].limits.map { $0.processors / Double(members(of: $0.group).count) }.min()
    }

    private func members(of group: UInt64) -> [Int] {
        quotas.indices.filter { quotas[$0].limits.contains { $0.group == group } }
    }

    /// This rank's processors where no other rank of the host may run on them and no quota limits their time.
    var own: ProcessorSet? { peers.count == 1 && quotas[localRank].limits.isEmpty ? masks[localRank] : nil }

    /// The ranks that may run on some of this rank's processors, itself included.
    private var peers: [Int] {
        masks.indices.filter { $0 == localRank || !masks[$0].numbers.isDisjoint(with: masks[localRank].numbers) }
    }

    /// The processors in the masks of the host's ranks.
    var union: ProcessorSet { ProcessorSet(Self.union(masks)) }

    private static func union(_ masks: [ProcessorSet]) -> Set<Int> {
        masks.reduce(into: []) { $0.formUnion($1.numbers) }
    }
}
