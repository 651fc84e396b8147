import CKernels
import Glibc
import Synchronization

/// Where workers of a pool that share each step of a computation wait for each other, sooner than a thread wakes up.
final class WorkerBarrier: Sendable {
    /// The workers that meet.
    let count: Int
    private let arrived = Atomic<Int>(0)
    private let meetings = Atomic<Int>(0)
    private let isAbandoned = Atomic<Bool>(false)

    /// Looks at the others before the core is offered to somebody else: some ten microseconds.
    private static let patience = 500

    init(count: Int) {
        self.count = count
    }

    /// Returns when all `count` workers have called this; what they wrote before is then visible to all.
    ///
    /// - Returns: false when a worker won't come any more.
    @discardableResult
    func meet() -> Bool {
        guard count > 1 else { return true }
        let meeting = meetings.load(ordering: .relaxed)
        if arrived.add(1, ordering: .acquiringAndReleasing).newValue == count {
            arrived.store(0, ordering: .relaxed)
            meetings.store(meeting + 1, ordering: .releasing)
            return true
        }
        var looks = 0
        while meetings.load(ordering: .acquiring) == meeting {
            guard !isAbandoned.load(ordering: .relaxed) else { return false }
            looks += 1
            if looks < Self.patience { dtrain_pause() } else { sched_yield() }
        }
        return true
    }

    /// Lets the others go when this worker has failed.
    func abandon() {
        isAbandoned.store(true, ordering: .relaxed)
    }
}
