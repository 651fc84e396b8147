import CKernels
import Glibc
import Synchronization

/// A barrier for workers that share each step of a computation; it spins, because waking a thread
/// takes longer.
final class WorkerBarrier: Sendable {
    /// The number of workers that meet.
    let count: Int
    private let arrived = Atomic<Int>(0)
    private let meetings = Atomic<Int>(0)
    private let isAbandoned = Atomic<Bool>(false)

    /// Spins this often before yielding, about 10 µs.
    private static let spins = 500

    init(count: Int) {
        self.count = count
    }

    /// Returns when all `count` workers have called this; their earlier writes are then visible to all.
    ///
    /// - Returns: false when a worker has abandoned the barrier.
    @discardableResult
    func meet() -> Bool {
        guard count > 1 else { return true }
        let meeting = meetings.load(ordering: .relaxed)
        if arrived.add(1, ordering: .acquiringAndReleasing).newValue == count {
            arrived.store(0, ordering: .relaxed)
            meetings.store(meeting + 1, ordering: .releasing)
            return true
        }
        var attempts = 0
        while meetings.load(ordering: .acquiring) == meeting {
            guard !isAbandoned.load(ordering: .relaxed) else { return false }
            attempts += 1
            if attempts < Self.spins { dtrain_pause() } else { sched_yield() }
        }
        return true
    }

    /// Releases the other workers after this one has failed.
    func abandon() {
        isAbandoned.store(true, ordering: .relaxed)
    }
}
