/// The placement of a job's ranks, as far as it affects a step's time.
public struct Layout: Hashable, Sendable, Codable {
    /// The total number of ranks.
    public let ranks: Int
    /// Worker threads per rank.
    public let threads: Int
    /// Network hosts; ranks of different hosts exchange over a network.
    public let hosts: Int
    /// Machines; several network hosts may share one.
    public let machines: Int
    /// Physical cores of one machine that its ranks together may use.
    public let coresPerMachine: Int
    /// The cores available to the rank with the fewest.
    public let coresPerRank: Int
    /// Hardware threads of these cores of one machine.
    public let processorsPerMachine: Int
    /// The hardware threads available to the rank with the fewest.
    public let processorsPerRank: Int

    /// Creates the layout of a job with evenly spread ranks.
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

    /// Derives the layout from the ranks' reports; nil without ranks.
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

    /// Ranks on the host with the most.
    public var ranksPerHost: Int { (ranks + hosts - 1) / hosts }
    /// Cores per network host; hosts that share a machine divide its cores.
    public var coresPerHost: Int { max(1, coresPerMachine * machines / hosts) }
    /// Ranks on the machine with the most.
    public var ranksPerMachine: Int { (ranks + machines - 1) / machines }
    /// Cores of a machine that compute concurrently.
    public var busyCores: Int { min(ranksPerMachine * threads, coresPerMachine) }
    /// Computing cores over all machines.
    public var usedCores: Int { min(ranks * threads, machines * coresPerMachine) }
    /// Workers per core, at least 1.
    ///
    /// Hardware threads of a core count as taking turns, since they are hardly faster.
    public var turns: Double { max(1, Double(ranksPerMachine * threads) / Double(coresPerMachine)) }
    /// Whether there are more workers than hardware threads that they may use.
    public var isOversubscribed: Bool { ranksPerMachine * threads > processorsPerMachine }
    /// Whether ranks exchange over a network.
    public var usesNetwork: Bool { hosts > 1 }

    /// A description of the shared cores and hosts.
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
