import CKernels
import Glibc
import Synchronization

/// A barrier for the members of a team, used many thousand times a second.
///
/// Waking a thread takes longer than the work between two rounds, so a waiting member spins. It
/// yields if the wait is long, for example with more threads than cores.
///
/// The members form a tree. Each waits for its children, then publishes its own arrival for its
/// parent, then waits until the root publishes the round. Each member writes to its own cache
/// lines only.
final class WorkerBarrier: @unchecked Sendable {
    /// The number of members.
    let count: Int
    /// Each member's last round, then the last complete one; the memory is constant, the counters
    /// are atomic.
    private let rounds: UnsafeMutableBufferPointer<Atomic<Int>>

    /// The number of children of a member.
    private static let fanIn = 8
    /// Counters per member: two cache lines, because hardware prefetches adjacent lines in pairs.
    private static let stride = 128 / MemoryLayout<Int>.stride
    /// Spins before yielding, about 10 µs.
    private static let spins = 500

    init(count: Int) {
        self.count = count
        rounds = .allocate(capacity: (count + 2) * Self.stride)
        for index in rounds.indices { rounds.initializeElement(at: index, to: Atomic(0)) }
    }

    deinit {
        rounds.deinitialize()
        rounds.deallocate()
    }

    /// Waits until all members have called this; their earlier writes are then visible to all.
    ///
    /// - Parameter member: the calling member, from 0 to `count` − 1.
    func arriveAndWait(_ member: Int) {
        guard count > 1 else { return }
        let round = rounds[place(member)].load(ordering: .relaxed) + 1
        let first = Self.fanIn * member + 1
        for below in first..<max(first, min(count, first + Self.fanIn)) { wait(for: below, round) }
        rounds[place(member)].store(round, ordering: .releasing)
        if member == 0 {
            rounds[place(count)].store(round, ordering: .releasing)
        } else {
            wait(for: count, round)
        }
    }

    /// Returns the index of a member's counter; index `count` holds the last complete round.
    private func place(_ member: Int) -> Int { (member + 1) * Self.stride }

    private func wait(for member: Int, _ round: Int) {
        let place = place(member)
        var attempts = 0
        while rounds[place].load(ordering: .acquiring) < round {
            attempts += 1
            if attempts < Self.spins { dtrain_pause() } else { sched_yield() }
        }
    }
}
