/// How many ranks share the processors of a host.
public struct HostLoad: Hashable, Sendable {
    /// The host's name.
    public let host: String
    /// The job's ranks on it.
    public let ranks: Int
    /// The processors that they may use, all together.
    public let processors: Int

    /// Describes a host.
    public init(host: String, ranks: Int, processors: Int) {
        (self.host, self.ranks, self.processors) = (host, ranks, processors)
    }

    /// Whether not every rank can have a processor of its own.
    public var isCrowded: Bool { ranks > processors }

    /// The host with the most ranks a processor, the first of several; nil where none is crowded.
    public static func mostCrowded(_ hosts: [HostLoad]) -> HostLoad? {
        hosts.filter(\.isCrowded).max { $0.ranks * $1.processors < $1.ranks * $0.processors }
    }
}

extension Communicator {
    /// The host where ranks outnumber the processors most; nil where none is crowded; collective.
    public func mostCrowdedHost() throws -> HostLoad? {
        let numbers = try allGather(SIMD2<Int32>(Int32(clamping: localSize), Int32(clamping: processors.count)))
        let names = try allGather(hostName)
        return HostLoad.mostCrowded(
            zip(names, numbers).map { HostLoad(host: $0, ranks: Int($1.x), processors: Int($1.y)) })
    }
}
