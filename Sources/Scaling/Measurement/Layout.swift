/// Where the ranks of a job run, as far as a step's time depends on it.
public struct Layout: Hashable, Sendable, Codable {
    /// Ranks in all.
    public let ranks: Int
    /// Worker threads of each.
    public let threads: Int
    /// Network hosts; ranks of different hosts exchange over a network.
    public let hosts: Int
    /// Machines; several network hosts may share one.
    public let machines: Int
    /// Cores of one machine that its ranks may use, all of them together; those with several hardware threads count once.
    public let coresPerMachine: Int
    /// The fewest cores that a rank may use.
    public let coresPerRank: Int
    /// The hardware threads of those cores of a machine.
    public let processorsPerMachine: Int
    /// The fewest hardware threads that a rank may use.
    public let processorsPerRank: Int

    /// Describes a job; ranks are spread evenly.
    public init(
        ranks: Int, threads: Int, hosts: Int = 1, machines: Int = 1, coresPerMachine: Int, coresPerRank: Int? = nil,
        processorsPerMachine: Int? = nil, processorsPerRank: Int? = nil
    ) {
        (self.ranks, self.threads) = (max(1, ranks), max(1, threads))
        (self.hosts, self.machines) = (max(1, hosts), max(1, machines))
        self.coresPerMachine = max(1, coresPerMachine)
        self.coresPerRank = max(1, coresPerRank ?? coresPerMachine)
        self.processorsPerMachine = max(1, processorsPerMachine ?? coresPerMachine)
        self.processorsPerRank = max(1, processorsPerRank ?? coresPerRank ?? coresPerMachine)
    }

    /// The layout that the ranks report; nil without ranks.
    public init?(_ ranks: [RankHost]) {
        guard let first = ranks.first else { return nil }
        let byMachine = Dictionary(grouping: ranks, by: \.boot).values
        func fewest(_ path: KeyPath<RankHost, [Int]>) -> (machine: Int, rank: Int) {
            (
                byMachine.map { Set($0.flatMap { $0[keyPath: path] }).count }.min() ?? 1,
                ranks.map { Set($0[keyPath: path]).count }.min() ?? 1
            )
        }
        let (cores, processors) = (fewest(\.cores), fewest(\.processors))
        self.init(
            ranks: ranks.count, threads: min(first.threads, 1 << 20),
            hosts: Set(ranks.map { "\($0.boot) \($0.network) \($0.host)" }).count, machines: byMachine.count,
            coresPerMachine: cores.machine, coresPerRank: cores.rank, processorsPerMachine: processors.machine,
            processorsPerRank: processors.rank)
    }

    /// Ranks of the fullest host.
    public var ranksPerHost: Int { (ranks + hosts - 1) / hosts }
    /// Cores that a network host has for its ranks: hosts that share a machine share its cores.
    public var coresPerHost: Int { max(1, coresPerMachine * machines / hosts) }
    /// Ranks of the fullest machine.
    public var ranksPerMachine: Int { (ranks + machines - 1) / machines }
    /// Cores of a machine that compute at the same time.
    public var busyCores: Int { min(ranksPerMachine * threads, coresPerMachine) }
    /// Cores that compute, over all machines.
    public var usedCores: Int { min(ranks * threads, machines * coresPerMachine) }
    /// How many workers share a core, at least 1: they take turns, or are hardware threads, which are hardly faster.
    public var turns: Double { max(1, Double(ranksPerMachine * threads) / Double(coresPerMachine)) }
    /// Whether workers outnumber the hardware threads that they may use.
    public var isOversubscribed: Bool { ranksPerMachine * threads > processorsPerMachine }
    /// Whether ranks exchange over a network.
    public var usesNetwork: Bool { hosts > 1 }

    /// What the ranks share, in words: never more than is true.
    public var label: String {
        let ranksText = ranks == 1 ? "1 rank" : "\(ranks) ranks"
        let coresText = coresPerMachine == 1 ? "1 core" : "\(coresPerMachine) cores"
        if machines > 1 {
            return "\(ranksText) on \(hosts) hosts, \(machines) machines, \(coresText) of each"
        }
        if hosts > 1 { return "\(ranksText) on \(hosts) network hosts that share one machine, \(coresText)" }
        return ranks == 1 ? "1 rank on one machine, \(coresText)" : "\(ranksText) that share one machine, \(coresText)"
    }
}
