/// The ranks and the processors of one host.
package struct HostLoad: Hashable, Sendable {
    /// The host's name.
    package let host: String
    /// The job's ranks on it.
    package let ranks: Int
    /// The number of processors that they may use together.
    package let processors: Int

    /// Describes a host.
    package init(host: String, ranks: Int, processors: Int) {
        (self.host, self.ranks, self.processors) = (host, ranks, processors)
    }

    /// Whether the ranks outnumber the processors.
    package var isCrowded: Bool { ranks > processors }

    /// The host with the most ranks per processor, the first of several; nil where none is crowded.
    package static func mostCrowded(_ hosts: [HostLoad]) -> HostLoad? {
        hosts.filter(\.isCrowded).max { $0.ranks * $1.processors < $1.ranks * $0.processors }
    }
}
