import DTrainCore

/// The processors of one host and this rank's share of them, derived from the affinity masks of the
/// host's ranks.
public struct SharedProcessors: Hashable, Sendable {
    /// The affinity masks of the host's ranks, by local rank.
    let masks: [ProcessorSet]
    /// This rank's number on its host.
    private let localRank: Int

    /// Describes a host from the masks of its ranks.
    package init(masks: [ProcessorSet], localRank: Int) {
        precondition(masks.indices.contains(localRank), "a mask for each rank of the host")
        (self.masks, self.localRank) = (masks, localRank)
    }

    /// The number of processors that the ranks of the host may use together.
    package var count: Int { Self.union(masks).count }

    /// The default number of worker threads of this rank: its processors divided by the ranks that
    /// may run on some of them.
    package var defaultThreads: Int { max(1, masks[localRank].count / peers.count) }

    /// Returns whether worker threads take turns on this rank's processors, so that waiting threads
    /// must yield.
    ///
    /// - Parameter threads: the worker threads of each rank of the host.
    package func areCrowded(threads: [Int]) -> Bool {
        peers.reduce(0) { $0 + threads[$1] } > Self.union(peers.map { masks[$0] }).count
    }

    /// The ranks that may run on some of this rank's processors, itself included.
    private var peers: [Int] {
        masks.indices.filter { $0 == localRank || !masks[$0].numbers.isDisjoint(with: masks[localRank].numbers) }
    }

    private static func union(_ masks: [ProcessorSet]) -> Set<Int> {
        masks.reduce(into: []) { $0.formUnion($1.numbers) }
    }
}
