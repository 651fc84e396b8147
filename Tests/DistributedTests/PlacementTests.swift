import DTrainCore
import Testing

@testable import DTrainDistributed

/// Warnings about the placement of ranks and threads.
@Suite struct PlacementTests {
    private func host(
        ranks: Int = 1, own: Int = 1, all: Int? = nil, near: Int? = nil, processors: Int = 2, quota: Double? = nil,
        of total: Int = 2, idle: Int = 0, isGiven: Bool = false
    ) -> HostLoad {
        HostLoad(
            host: "node1", ranks: ranks, ownThreads: own, hostThreads: all ?? ranks * own, threads: near ?? ranks * own,
            processors: processors, quota: quota, hostProcessors: total, idleCores: idle, hasGivenThreads: isGiven)
    }

    @Test func thereIsNoWarningIfThreadsFit() {
        #expect(host(own: 2).warning == nil)
        #expect(host(ranks: 2).warning == nil)
        #expect(host(ranks: 2, own: 4, processors: 8, of: 8, isGiven: true).warning == nil)
        // Each rank is bound to one core, and no other core is free.
        #expect(host(ranks: 2, all: 2, near: 1, processors: 1).warning == nil)
        // A thread per hardware thread, a quota rounded up, and an explicit single thread.
        #expect(host(own: 16, processors: 16, of: 16, isGiven: true).warning == nil)
        #expect(host(own: 2, processors: 8, quota: 1.5, of: 8).warning == nil)
        #expect(host(processors: 1, of: 1, idle: 7, isGiven: true).warning == nil)
    }

    @Test func warningsOfTooManyThreadsNameBothCountsAndTheSetting() {
        #expect(
            host(ranks: 3).warning
                == "3 ranks share the 2 cores of node1, which is slower than one rank per core: start 2 there")
        #expect(
            host(own: 8, isGiven: true).warning
                == "8 worker threads share the 2 cores of node1, which is slower than one thread per core: lower "
                + "`threads` to 2")
        // `-np 2 --threads 2` on two cores, unbound and bound.
        for near in [4, 2] {
            #expect(
                host(ranks: 2, own: 2, near: near, processors: near / 2, isGiven: true).warning
                    == "4 worker threads share the 2 cores of node1, which is slower than one thread per core: lower "
                    + "`threads` to 1")
        }
        #expect(
            host(own: 8, processors: 8, quota: 1.5, of: 8, isGiven: true).warning
                == "8 worker threads share the 1.5 cores that a CPU quota leaves to node1, which is slower than one "
                + "thread per core: lower `threads` to 2")
        // One of two bound ranks has more threads than cores, although the host has a free core.
        #expect(
            host(ranks: 2, own: 3, all: 4, near: 3, processors: 1, of: 4, isGiven: true).warning
                == "3 worker threads share the 1 core of node1, which is slower than one thread per core: lower "
                + "`threads` to 1")
    }

    @Test func idleCoresBesideBoundRanksAreReported() {
        #expect(
            host(processors: 1, of: 1, idle: 1).warning
                == "the rank on node1 is bound to 1 core, and 1 core stays idle: start with 'mpirun --bind-to none', or "
                + "set `threads` to 1 if this is intended")
        #expect(
            host(ranks: 2, all: 2, near: 1, processors: 1, of: 2, idle: 14).warning?.hasPrefix(
                "the 2 ranks on node1 are bound to 2 cores, and 14 cores stay idle: ") == true)
        // More threads than the single core of the binding.
        #expect(
            host(own: 2, processors: 1, of: 1, idle: 1, isGiven: true).warning?.hasPrefix("the rank on node1 is bound")
                == true)
    }

    @Test(arguments: [
        // Two of four cores used; all used; a second hardware thread of a used core isn't free.
        (used: [0, 1], available: 0...3, allocated: Int?.none, quota: Double?.none, siblings: false, idle: 2),
        ([0, 1, 2, 3], 0...3, nil, nil, false, 0), ([0, 1], 0...3, nil, nil, true, 1),
        ([0, 2], 0...3, nil, nil, true, 0),
        ([0, 2], 0...7, nil, nil, true, 2), ([0, 1], 0...7, nil, nil, true, 3),
        // The scheduler or a quota allows no more.
        ([0], 0...7, 1, nil, false, 0), ([0], 0...7, 4, nil, false, 3), ([0], 0...7, nil, 1.5, false, 0),
        ([0], 0...7, nil, 3, false, 2),
    ])
    func onlyUnusedAndAllowedCoresCountAsIdle(
        used: [Int], available: ClosedRange<Int>, allocated: Int?, quota: Double?, siblings: Bool, idle: Int
    ) {
        let count = LauncherProcessors.idleCores(
            besides: ProcessorSet(used), available: ProcessorSet(available), allocated: allocated, quota: quota
        ) { siblings ? ProcessorSet([$0 / 2 * 2, $0 / 2 * 2 + 1]) : nil }
        #expect(count == idle)
    }

    @Test func withoutABindingNoCoresAreIdle() {
        #expect(LauncherProcessors.idleCores(besides: ProcessorSet([0])) { _ in nil } == 0)
    }

    @Test func quotasArePrintedWithAtMostTwoDecimals() {
        #expect([1.5, 2, 0.25, 0.05, 10.999, 1.1].map(HostLoad.text) == ["1.5", "2", "0.25", "0.05", "11", "1.1"])
    }
}
