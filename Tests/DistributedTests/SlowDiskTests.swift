import DTrainCore
import Foundation
import Synchronization
import Testing

@testable import DTrainDistributed

/// Saves to a slow disk.
@Suite struct SlowDiskTests {
    /// A disk that accepts few bytes per write, with a pause before each.
    private static func slowDisk(bytesPerWrite bytes: Int, microseconds: UInt32) -> FileCalls {
        var calls = FileCalls.system
        calls.write = { descriptor, all in
            usleep(microseconds)
            return FileCalls.system.write(descriptor, UnsafeRawBufferPointer(rebasing: all.prefix(bytes)))
        }
        return calls
    }

    /// Each write to the disk counts as progress.
    @Test func waitingForASlowDiskIsNotAStall() throws {
        let communicator = SoloCommunicator()
        let bench = try SaverBench(
            try SaverFolder(), communicator, calls: Self.slowDisk(bytesPerWrite: 50, microseconds: 10_000))
        let heartbeat = communicator.heartbeat
        let longestPause = Mutex(0.0)
        let isOver = Atomic(false)
        let watch = Thread {
            var rank = ObservedRank(rank: 0)
            var last = Clock.seconds
            while !isOver.load(ordering: .relaxed) {
                usleep(5_000)
                let now = Clock.seconds
                rank.observe(LivenessRecord(rank: 0, beats: heartbeat.beats), seconds: now - last)
                longestPause.withLock { $0 = max($0, rank.still) }
                last = now
            }
        }
        watch.start()
        let start = Clock.seconds
        try bench.save(epoch: 1)
        try bench.saver.finish(report: bench.note)
        let seconds = Clock.seconds - start
        isOver.store(true, ordering: .relaxed)
        #expect(bench.events == ["saved ckpt_1.safetensors"])
        // Both times grow on a busy machine; without heartbeats they would be equal.
        #expect(longestPause.withLock { $0 } < seconds / 2)
    }

    @Test func aSaveInProgressFinishesAfterAnErrorOfAllRanks() throws {
        let bench = try SaverBench(
            try SaverFolder(), SoloCommunicator(), calls: Self.slowDisk(bytesPerWrite: 25, microseconds: 30_000))
        try bench.save(epoch: 1)
        bench.saver.settle(after: CollectiveError(DTrainError(.badData, "not finite")), report: bench.note)
        #expect(bench.events == ["saved ckpt_1.safetensors"])
        #expect(try bench.folder.names == ["ckpt_1.safetensors"])
    }

    /// The other ranks wait for this rank's error.
    @Test func anErrorOfOneRankDoesNotWaitForTheDisk() throws {
        let bench = try SaverBench(
            try SaverFolder(), SoloCommunicator(), calls: Self.slowDisk(bytesPerWrite: 25, microseconds: 30_000))
        try bench.save(epoch: 1)
        bench.saver.settle(after: DTrainError(.internal, "of one rank"), report: bench.note)
        // The save is still in progress.
        #expect(bench.events.isEmpty)
        try bench.saver.finish(report: bench.note)
    }

    @Test func metricsAreFlushedBeforeTheCheckpointIsRenamed() throws {
        let order = Mutex<[String]>([])
        var calls = FileCalls.system
        calls.rename = { old, new in
            order.withLock { $0.append("rename") }
            return FileCalls.system.rename(old, new)
        }
        let bench = try SaverBench(try SaverFolder(), SoloCommunicator(), calls: calls)
        bench.saver.flushLogs = { order.withLock { $0.append("metrics") } }
        try bench.save(epoch: 1)
        try bench.saver.finish(report: bench.note)
        #expect(order.withLock { $0 } == ["metrics", "rename"])
    }
}
