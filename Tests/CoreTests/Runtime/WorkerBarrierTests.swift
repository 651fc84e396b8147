import Synchronization
import Testing

@testable import DTrainCore

@Suite struct WorkerBarrierTests {
    private final class Counter: Sendable {
        private let count = Atomic<Int>(0)

        var value: Int { count.load(ordering: .relaxed) }
        func increment() { count.add(1, ordering: .relaxed) }
    }

    /// No worker passes a meeting before all have arrived, and none passes one twice.
    @Test(arguments: [1, 2, 5])
    func allHaveArrivedWhenOnePasses(workers: Int) throws {
        let (rounds, barrier) = (300, WorkerBarrier(count: workers))
        let (arrivals, early) = (Counter(), Counter())
        let pool = try WorkerPool(count: workers)
        try pool.run { _ in
            for round in 1...rounds {
                arrivals.increment()
                barrier.meet()
                let seen = arrivals.value
                if seen < round * workers { early.increment() }
                barrier.meet()
            }
        }
        #expect(early.value == 0)
        #expect(arrivals.value == rounds * workers)
    }

    @Test func workerThatFailsLetsTheOthersGo() throws {
        let barrier = WorkerBarrier(count: 3)
        let pool = try WorkerPool(count: 3)
        let left = Counter()
        try pool.run { worker in
            if worker == 1 { return barrier.abandon() }
            if !barrier.meet() { left.increment() }
        }
        #expect(left.value == 2)
    }
}
