import CKernels
import Glibc
import Synchronization

/// A barrier for the members of a team, which meet many thousand times a second.
///
/// Waking a thread takes longer than the work between two meetings, so a waiting member spins, and yields where that takes long, as it
/// does with more threads than cores. Each member writes to cache lines of its own: it waits for the members below it in a tree, then
/// counts its own arrival for the one above it, and waits until the root has counted the meeting.
final class WorkerBarrier: @unchecked Sendable {
    /// The number of members.
    let count: Int
    /// The number of each member's last meeting, and that of the last complete one; the memory is constant, the counters are atomic.
    private let meetings: UnsafeMutableBufferPointer<Atomic<Int>>

    /// Members that each member waits for.
    private static let fanIn = 8
    /// Counters a member: two cache lines, since neighbouring ones are fetched together.
    private static let stride = 128 / MemoryLayout<Int>.stride
    /// Spins this often before yielding, about 10 µs.
    private static let spins = 500

    init(count: Int) {
        self.count = count
        meetings = .allocate(capacity: (count + 2) * Self.stride)
        for index in meetings.indices { meetings.initializeElement(at: index, to: Atomic(0)) }
    }

    deinit {
        meetings.deinitialize()
        meetings.deallocate()
    }

    /// Returns when all members have called this; their earlier writes are then visible to all.
    ///
    /// - Parameter member: who calls, from 0 to `count` − 1.
    func meet(_ member: Int) {
        guard count > 1 else { return }
        let meeting = meetings[place(member)].load(ordering: .relaxed) + 1
        let first = Self.fanIn * member + 1
        for below in first..<max(first, min(count, first + Self.fanIn)) { wait(for: below, meeting) }
        meetings[place(member)].store(meeting, ordering: .releasing)
        if member == 0 {
            meetings[place(count)].store(meeting, ordering: .releasing)
        } else {
            wait(for: count, meeting)
        }
    }

    /// The place of a member's counter; that of member `count` says which meeting is complete.
    private func place(_ member: Int) -> Int { (member + 1) * Self.stride }

    private func wait(for member: Int, _ meeting: Int) {
        let place = place(member)
        var attempts = 0
        while meetings[place].load(ordering: .acquiring) < meeting {
            attempts += 1
            if attempts < Self.spins { dtrain_pause() } else { sched_yield() }
        }
    }
}
