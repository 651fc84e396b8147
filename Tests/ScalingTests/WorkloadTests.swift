import Testing

@testable import Scaling

/// Sizes derived from batch, ranks and machine.
@Suite struct WorkloadTests {
    private let tutorial = Workload(batchSize: 64, microBatchSize: 8, sequenceLength: 100, gradientBytes: 16_000_000)

    /// Each direction moves the gradient minus the rank's own part, as in a ring allreduce.
    @Test(arguments: [2, 4, 8])
    func powersOfTwoHaveTheTrafficOfARingAllreduce(ranks: Int) {
        let traffic = tutorial.traffic(ranks: ranks)
        let share = Double(ranks - 1) / Double(ranks)
        #expect(abs(traffic.bytesPerRank - 2 * share * 16e6) < 1)
        #expect(abs(traffic.bytes - 2 * share * 16e6 * Double(ranks)) < 1)
        #expect(traffic.messages == Double(2 * (ranks - 1)))
    }

    @Test func oneRankHasNoTraffic() {
        let traffic = tutorial.traffic(ranks: 1)
        #expect(traffic.bytes == 0 && traffic.bytesPerRank == 0 && traffic.messages == 0)
    }

    /// With sixteen ranks and eight micro-batches, eight ranks send a node and all gather.
    @Test func ranksWithoutMicroBatchesSendNoNodes() {
        let traffic = tutorial.traffic(ranks: 16)
        #expect(abs(traffic.bytes - (8 + 16) * 15.0 / 16 * 16e6) < 1)
    }

    /// Three ranks have 3, 3 and 2 of eight micro-batches, and so two, two and one node.
    @Test(arguments: [(Workload.Exchange.tree, 5.0, 1.0), (.compressed, 3, 0.5), (.library, 3, 1)])
    func trafficDependsOnTheExchange(exchange: Workload.Exchange, vectors: Double, size: Double) {
        let workload = Workload(
            batchSize: 64, microBatchSize: 8, sequenceLength: 100, gradientBytes: 12_000_000, exchange: exchange)
        let traffic = workload.traffic(ranks: 3)
        #expect(abs(traffic.bytes - (vectors * 2 + 3 * 2) * 4e6 * size) < 1)
        #expect(workload.with(batchSize: 128).exchange == exchange)
    }

    /// In the library's allreduce, a rank without micro-batches sends zeros.
    @Test func theLibraryAlsoMovesVectorsOfIdleRanks() {
        let workload = Workload(
            batchSize: 8, microBatchSize: 8, sequenceLength: 1, gradientBytes: 4000, exchange: .library)
        #expect(abs(workload.traffic(ranks: 4).bytes - 2 * 3 * 4000) < 1)
    }

    /// With eight micro-batches on three ranks, two ranks have three.
    @Test(arguments: [(1, 64), (2, 32), (3, 24), (8, 8), (16, 8)])
    func theBusiestRankHasWholeMicroBatches(ranks: Int, rows: Int) {
        #expect(tutorial.rows(ranks: ranks) == rows)
    }

    @Test func theLastMicroBatchMayBePartial() {
        let workload = Workload(batchSize: 20, microBatchSize: 8, sequenceLength: 1, gradientBytes: 0)
        #expect(workload.microBatches == 3)
        #expect(workload.rows(ranks: 1) == 20)
    }

    @Test func threadsDivideARanksSequences() {
        #expect(tutorial.rows(Layout(ranks: 2, threads: 3, coresPerMachine: 8)) == 32.0 / 3)
        // More threads than sequences share the units of each sequence.
        #expect(tutorial.rows(Layout(ranks: 8, threads: 16, coresPerMachine: 16)) == 0.5)
    }

    private func rank(
        _ processors: [Int], cores: [Int]? = nil, boot: String = "b", network: String = "n", host: String = "h",
        threads: Int = 1
    ) -> RankHost {
        RankHost(
            host: host, boot: boot, network: network, processors: processors, cores: cores, machineProcessors: 4,
            threads: threads, cpu: "c", memory: 1)
    }

    @Test func networkNamespacesAreHostsOnOneMachine() throws {
        let layout = try #require(Layout([rank([0]), rank([0], network: "m")]))
        #expect((layout.hosts, layout.machines, layout.coresPerMachine) == (2, 1, 1))
        // Both ranks were bound to the same core.
        #expect(layout.isOversubscribed && layout.turns == 2 && layout.usedCores == 1)
        #expect(layout.label == "2 ranks on 2 network hosts that share one machine, 1 core")
    }

    @Test func ranksOnOneMachineAreLabeledAsSuch() throws {
        let layout = try #require(Layout([rank([0]), rank([1])]))
        #expect((layout.hosts, layout.machines, layout.coresPerMachine, layout.coresPerRank) == (1, 1, 2, 1))
        #expect(layout.label == "2 ranks that share one machine, 2 cores")
        #expect(!layout.isOversubscribed && layout.busyCores == 2)
    }

    /// Processors 0 and 2 belong to the first core, 1 and 3 to the second.
    @Test func hardwareThreadsOfACoreAreOneCore() throws {
        let bound = try #require(
            Layout([rank([0, 2], cores: [0, 0], threads: 2), rank([1, 3], cores: [1, 1], threads: 2)]))
        #expect((bound.coresPerMachine, bound.coresPerRank, bound.usedCores, bound.turns) == (2, 1, 2, 2))
        #expect((bound.processorsPerMachine, bound.processorsPerRank, bound.isOversubscribed) == (4, 2, false))
        let crowd = try #require(Layout([rank([0, 2], cores: [0, 0], threads: 3)]))
        #expect((crowd.coresPerMachine, crowd.turns, crowd.isOversubscribed) == (1, 3, true))
    }

    /// Four network hosts on two machines of eight cores have four cores each.
    @Test(arguments: [(1, 1, 8), (2, 2, 8), (4, 2, 4), (32, 2, 1)])
    func hostsOnOneMachineShareItsCores(hosts: Int, machines: Int, cores: Int) {
        let layout = Layout(ranks: hosts, threads: 1, hosts: hosts, machines: machines, coresPerMachine: 8)
        #expect(layout.coresPerHost == cores)
    }

    @Test func twoMachinesAreCountedSeparately() throws {
        let layout = try #require(Layout([rank([0, 1]), rank([0, 1], boot: "a", host: "g")]))
        #expect((layout.hosts, layout.machines, layout.usedCores, layout.busyCores) == (2, 2, 2, 1))
        #expect(layout.label == "2 ranks on 2 hosts, 2 machines, 2 cores of each")
    }

    @Test func ranksAreReadFromTheLaunchersOutput() throws {
        let ranks = [rank([0]), rank([1])]
        let output = "warning: noise\n" + (try ranks.map { try $0.line }.joined(separator: "\n")) + "\n{\"other\":1}\n"
        #expect(RankHost.all(in: output) == ranks)
    }
}
