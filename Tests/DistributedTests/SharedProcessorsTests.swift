import DTrainDistributed
import DTrainCore
import Testing

/// The sharing of processors by ranks, derived from their affinity masks.
@Suite struct SharedProcessorsTests {
    private func shared(_ masks: [ClosedRange<Int>]) -> [SharedProcessors] {
        masks.indices.map { SharedProcessors(masks: masks.map { ProcessorSet($0) }, localRank: $0) }
    }

    @Test(arguments: [
        // A single rank, unbound, and bound to one of two cores.
        ([0...7], [8], 8), ([0...0], [1], 1),
        // Unbound ranks, as with MPICH or srun, share all processors.
        ([0...7, 0...7], [4, 4], 8), ([0...7, 0...7, 0...7], [2, 2, 2], 8),
        // One core per rank.
        ([0...0, 1...1], [1, 1], 2),
        // Two ranks on one socket; two on each of two sockets.
        ([0...1, 0...1], [1, 1], 2), ([0...3, 0...3, 4...7, 4...7], [2, 2, 2, 2], 8),
        // One socket per rank, the second only in part.
        ([0...7, 8...11], [8, 4], 12),
        // More ranks than processors.
        ([0...1, 0...1, 0...1, 0...1], [1, 1, 1, 1], 2), ([0...0, 0...0], [1, 1], 1),
        // One rank is unbound.
        ([0...7, 0...3, 4...7], [2, 2, 2], 8),
    ])
    func processorsAreDividedAmongTheRanksThatShareThem(masks: [ClosedRange<Int>], threads: [Int], count: Int) {
        #expect(shared(masks).map(\.defaultThreads) == threads)
        #expect(shared(masks).map(\.count) == [Int](repeating: count, count: masks.count))
    }

    @Test(arguments: [
        ([0...1, 0...1], [1, 1], [false, false]), ([0...1, 0...1], [2, 1], [true, true]),
        ([0...1, 0...1, 0...1], [1, 1, 1], [true, true, true]), ([0...0, 1...1], [1, 1], [false, false]),
        // Only ranks with threads that share a processor yield.
        ([0...0, 1...1], [2, 1], [true, false]), ([0...0, 0...0, 1...7], [1, 1, 1], [true, true, false]),
        ([0...3], [4], [false]), ([0...3], [5], [true]),
    ])
    func moreThreadsThanProcessorsOversubscribeThem(masks: [ClosedRange<Int>], threads: [Int], oversubscribed: [Bool]) {
        #expect(shared(masks).map { $0.isOversubscribed(threads: threads) } == oversubscribed)
    }

    @Test(arguments: [
        ("0-3,8", [0, 1, 2, 3, 8]), ("5", [5]), ("\t0-1, 64-65\n", [0, 1, 64, 65]), ("", nil), ("x", nil), ("3-1", nil),
        ("0-99999999", nil),
    ])
    func processorListsOfLinuxAreRead(list: String, numbers: [Int]?) {
        #expect(ProcessorSet(list: list[...])?.numbers == numbers.map { Set($0) })
    }

    @Test func theCurrentProcessHasAProcessor() {
        #expect(ProcessorSet.defaultThreads >= 1)
        #expect(SoloCommunicator().processors.defaultThreads == ProcessorSet.defaultThreads)
    }

    private func quota(_ limits: (UInt64, Double)...) -> ProcessorQuota {
        ProcessorQuota(limits.map { ProcessorQuota.Limit(group: $0.0, processors: $0.1) })
    }

    @Test func aQuotaIsSharedByTheRanksOfItsGroup() {
        func threads(_ masks: [ClosedRange<Int>], _ quotas: [ProcessorQuota]) -> [Int] {
            masks.indices.map {
                SharedProcessors(masks: masks.map { ProcessorSet($0) }, quotas: quotas, localRank: $0).defaultThreads
            }
        }
        let none = ProcessorQuota()
        #expect(threads([0...7], [none]) == [8])
        // The quota is rounded up, to at least one thread.
        #expect(threads([0...7], [quota((1, 1.5))]) == [2])
        #expect(threads([0...7], [quota((1, 0.25))]) == [1])
        #expect(threads([0...7, 0...7], [quota((1, 3)), quota((1, 3))]) == [2, 2])
        #expect(threads([0...7, 0...7], [quota((1, 2)), quota((1, 2))]) == [1, 1])
        // Each rank has a group within a common one; then one rank has none.
        #expect(threads([0...7, 0...7], [quota((1, 2), (9, 3)), quota((2, 4), (9, 3))]) == [2, 2])
        #expect(threads([0...7, 0...7], [quota((1, 2)), none]) == [2, 4])
        // The quota exceeds the mask.
        #expect(threads([0...1], [quota((1, 16))]) == [2])
    }

    @Test func aQuotaBelowTheCoresIsReported() {
        func host(_ masks: [ClosedRange<Int>], _ quotas: [ProcessorQuota]) -> SharedProcessors {
            SharedProcessors(masks: masks.map { ProcessorSet($0) }, quotas: quotas, localRank: 0)
        }
        #expect(host([0...7], [quota((1, 1.5))]).quota == 1.5)
        #expect(host([0...7], [quota((1, 1.5))]).count == 2)
        #expect(host([0...7], [quota((1, 8))]).quota == nil)
        #expect(host([0...7], [ProcessorQuota()]).quota == nil)
        #expect(host([0...7, 0...7], [quota((1, 3)), quota((1, 3))]).quota == 3)
        #expect(host([0...7, 0...7], [quota((1, 3)), quota((2, 2))]).quota == 5)
        // Two threads in 1.5 cores take turns, so a waiting thread must not spin.
        #expect(host([0...7], [quota((1, 1.5))]).isOversubscribed(threads: [2]))
        #expect(!host([0...7], [quota((1, 1.5))]).isOversubscribed(threads: [1]))
    }

    @Test func quotasSurviveARoundTrip() {
        let quota = quota((1, 1.5), (UInt64.max, 0.25))
        #expect(quota.bytes.count == ProcessorQuota.byteCount)
        #expect(ProcessorQuota(bytes: quota.bytes[...]) == quota)
        #expect(ProcessorQuota(bytes: ProcessorQuota().bytes[...]) == ProcessorQuota())
    }
}
