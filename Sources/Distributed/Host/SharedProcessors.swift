/// The processors of one host, and how the job's ranks there share them, as one of these ranks sees it.
///
/// It is told by the ranks' affinity masks alone: whatever launcher has bound them or not, the masks say who may run where.
public struct SharedProcessors: Hashable, Sendable {
    /// The affinity masks of the host's ranks, by local rank.
    public let masks: [ProcessorSet]
    /// The rank that looks.
    private let localRank: Int

    /// Describes a host of which at least this rank is known.
    public init(masks: [ProcessorSet], localRank: Int) {
        precondition(masks.indices.contains(localRank), "a mask for each rank of the host")
        (self.masks, self.localRank) = (masks, localRank)
    }

    /// The processors that the ranks of the host may use, all together.
    public var count: Int { Self.union(masks).count }

    /// Worker threads for this rank where the user names no number: its processors, divided among the ranks that may run on
    /// some of them, too.
    public var defaultThreads: Int { max(1, masks[localRank].count / peers.count) }

    /// Whether worker threads take turns on this rank's processors, so that whoever waits there must make way.
    ///
    /// - Parameter threads: the worker threads of each rank of the host.
    public func areCrowded(threads: [Int]) -> Bool {
        peers.reduce(0) { $0 + threads[$1] } > Self.union(peers.map { masks[$0] }).count
    }

    /// The ranks whose processors are also this rank's, itself among them.
    private var peers: [Int] {
        masks.indices.filter { $0 == localRank || !masks[$0].numbers.isDisjoint(with: masks[localRank].numbers) }
    }

    private static func union(_ masks: [ProcessorSet]) -> Set<Int> {
        masks.reduce(into: []) { $0.formUnion($1.numbers) }
    }
}
