import Synchronization
import Testing

@testable import DTrainCore

@Suite struct WorkerBarrierTests {
    private final class Counter: Sendable {
        private let count = Atomic<Int>(0)

        var value: Int { count.load(ordering: .relaxed) }
        func increment() { count.add(1, ordering: .relaxed) }
    }

    /// The largest case has several levels of waiting workers.
    @Test(arguments: [1, 2, 5, 12])
    func noWorkerPassesBeforeAllHaveArrived(workers: Int) throws {
        let (rounds, barrier) = (300, WorkerBarrier(count: workers))
        let (arrivals, early) = (Counter(), Counter())
        let pool = try WorkerPool(count: workers)
        try pool.run { worker in
            for round in 1...rounds {
                arrivals.increment()
                barrier.arriveAndWait(worker)
                let seen = arrivals.value
                if seen < round * workers { early.increment() }
                barrier.arriveAndWait(worker)
            }
        }
        #expect(early.value == 0)
        #expect(arrivals.value == rounds * workers)
    }
}
