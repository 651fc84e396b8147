import DTrainCore
import DistributedTesting
import Foundation
import Synchronization
import Testing

@testable import DTrainDistributed

@Suite struct CheckpointSaverTests {
    /// Saves on each rank; returns the ranks' errors and the files.
    ///
    /// With `lastDiffers`, one weight of the last rank is one ulp off.
    private func save(
        ranks: Int, lastDiffers: Bool = false, calls: FileCalls = .system
    ) throws -> (errors: [DTrainError?], files: [String]) {
        let folder = try SaverFolder()
        let results = try InMemoryCommunicator.run(ranks: ranks) { communicator in
            let bench = try SaverBench(folder, communicator, calls: calls)
            if lastDiffers, communicator.rank == ranks - 1 {
                bench.replica.parameters.pointer[7] = bench.replica.parameters.pointer[7].nextUp
            }
            do {
                try bench.save(epoch: 0)
                try bench.saver.finish(report: bench.note)
                return nil as DTrainError?
            } catch let error as CollectiveError {
                return error.error
            }
        }
        return (try results.map { try $0.get() }, try folder.names)
    }

    @Test(arguments: 1...3)
    func sameWeightsAreSavedOnce(ranks: Int) throws {
        let (errors, files) = try save(ranks: ranks)
        #expect(errors.allSatisfy { $0 == nil })
        #expect(files == ["ckpt_0.safetensors"])
    }

    @Test func differingWeightsAreNotSaved() throws {
        let (errors, files) = try save(ranks: 3, lastDiffers: true)
        for error in errors {
            let error = try #require(error)
            #expect(error.category == .internal)
            #expect(error.message.contains("the weights after step 0 on rank 2 ("))
            #expect(error.message.contains("differ from those on most ranks"))
        }
        #expect(files.isEmpty)
    }

    @Test func aSlowSaveDoesNotBlockTraining() throws {
        let disk = SlowDisk()
        let bench = try SaverBench(try SaverFolder(), SoloCommunicator(), calls: disk.calls)
        let saved = Array(bench.replica.parameters.elements)
        try bench.save(epoch: 1)
        bench.saver.reportOutcome(to: bench.note)
        #expect(bench.events.isEmpty)
        for index in 0..<bench.replica.layout.count { bench.replica.parameters.pointer[index] += 1 }
        disk.release()
        try bench.saver.finish(report: bench.note)
        #expect(bench.events == ["saved ckpt_1.safetensors"])
        let checkpoint = try Checkpoint(path: bench.path("ckpt_1.safetensors"))
        let written = try AlignedBuffer<Float>(count: checkpoint.layout.count)
        try checkpoint.load(parameters: written.pointer)
        #expect(Array(written.elements) == saved)
    }

    @Test func aSaveWaitsForThePreviousOne() throws {
        let disk = SlowDisk()
        let bench = try SaverBench(try SaverFolder(), SoloCommunicator(), calls: disk.calls)
        try bench.save(epoch: 1)
        let helper = Thread {
            while disk.waiting == 0 { usleep(1_000) }
            usleep(20_000)
            disk.release()
        }
        helper.start()
        try bench.save(epoch: 2)
        #expect(bench.events == ["saved ckpt_1.safetensors"])
        try bench.saver.finish(report: bench.note)
        #expect(bench.events == ["saved ckpt_1.safetensors", "saved ckpt_2.safetensors"])
        #expect(disk.mostAtOnce == 1)
    }

    @Test func aFailedSaveIsReportedAndTheNextOneSucceeds() throws {
        let bench = try SaverBench(try SaverFolder(), SoloCommunicator(), calls: failing(times: 1))
        try bench.save(epoch: 1)
        try bench.save(epoch: 2)
        try bench.saver.finish(report: bench.note)
        try #require(bench.events.count == 2, "\(bench.events)")
        #expect(bench.events[0].hasPrefix("warning not saved: cannot write '"))
        #expect(bench.events[0].contains("ckpt_1.safetensors': No space left on device"))
        #expect(bench.events[1] == "saved ckpt_2.safetensors")
        #expect(try bench.folder.names == ["ckpt_2.safetensors"])
    }

    @Test func theLastSaveIsRetriedOnce() throws {
        let bench = try SaverBench(try SaverFolder(), SoloCommunicator(), calls: failing(times: 1))
        try bench.save(epoch: 1)
        try bench.saver.finish(report: bench.note)
        #expect(bench.events.map { $0.prefix(9) } == ["warning n", "saved ckp"])
        #expect(try Checkpoint(path: bench.path("ckpt_1.safetensors")).metadata.progress?.epoch == 1)
    }

    /// The next save replaces the copy of the state.
    @Test(arguments: [(CheckpointSaver.Target.best, 0), (.pointAndBest, 0), (.pointAndBest, 1)])
    func aFailedBestCheckpointIsRetriedBeforeTheNextSave(target: CheckpointSaver.Target, written: Int) throws {
        let calls = failing(times: 1, after: written)
        let bench = try SaverBench(try SaverFolder(), SoloCommunicator(), calls: calls)
        try bench.save(epoch: 1, to: target)
        try bench.save(epoch: 2)
        try bench.saver.finish(report: bench.note)
        #expect(try Checkpoint(path: bench.path("ckpt_best.safetensors")).metadata.progress?.epoch == 1)
        #expect(try bench.folder.names.contains("ckpt_1.safetensors") == (written == 1))
        #expect(try Checkpoint(path: bench.path("ckpt_2.safetensors")).metadata.progress?.epoch == 2)
        #expect(bench.events.count { $0.hasPrefix("warning") } == 1, "\(bench.events)")
        let saved = (written == 1 ? ["ckpt_1"] : []) + ["ckpt_best", "ckpt_2"]
        #expect(bench.events.filter { $0.hasPrefix("saved") } == saved.map { "saved \($0).safetensors" })
    }

    @Test func aBestCheckpointThatFailsTwiceIsReported() throws {
        let bench = try SaverBench(try SaverFolder(), SoloCommunicator(), calls: failing(times: 2))
        try bench.save(epoch: 1, to: .pointAndBest)
        try bench.save(epoch: 2)
        try bench.saver.finish(report: bench.note)
        try #require(bench.events.count == 3, "\(bench.events)")
        #expect(bench.events[1].hasSuffix("ckpt_best.safetensors' is not the checkpoint with the lowest loss"))
        #expect(try bench.folder.names == ["ckpt_2.safetensors"])
    }

    /// `dtrain supervise` takes a folder with a point for one to resume.
    @Test func thePointIsWrittenBeforeTheBestCheckpoint() throws {
        let bench = try SaverBench(try SaverFolder(), SoloCommunicator(), calls: failing(times: 1, after: 1))
        try bench.save(epoch: 1, to: .pointAndBest)
        bench.saver.settle(after: DTrainError(.internal, ""), report: bench.note)
        #expect(try bench.folder.names == ["ckpt_1.safetensors"])
    }

    @Test func aPointIsDeletedBeforeTheBestCheckpointIsWritten() throws {
        let bench = try SaverBench(
            try SaverFolder(), SoloCommunicator(), keep: 1, calls: failing(times: 1, after: 2))
        try bench.save(epoch: 1)
        try bench.save(epoch: 2, to: .pointAndBest)
        bench.saver.settle(after: DTrainError(.internal, ""), report: bench.note)
        #expect(try bench.folder.names == ["ckpt_2.safetensors"])
    }

    @Test func aLastBestCheckpointThatFailsTwiceIsNamed() throws {
        let bench = try SaverBench(
            try SaverFolder(), SoloCommunicator(), calls: failing(times: 2, after: 1))
        try bench.save(epoch: 1, to: .pointAndBest)
        let error = try #require(throws: CollectiveError.self) { try bench.saver.finish(report: bench.note) }
        #expect(error.error.message.hasPrefix("the best checkpoint is not saved: "), "\(error)")
        #expect(try bench.folder.names == ["ckpt_1.safetensors"])
    }

    @Test func theBestCheckpointIsNotCountedAndStays() throws {
        let bench = try SaverBench(try SaverFolder(), SoloCommunicator(), keep: 1)
        try bench.save(epoch: 1, to: .pointAndBest)
        try bench.save(epoch: 2)
        try bench.save(epoch: 3)
        try bench.saver.finish(report: bench.note)
        #expect(try bench.folder.names == ["ckpt_3.safetensors", "ckpt_best.safetensors"])
    }

    @Test func nothingIsDeletedBeforeTheFolderIsOpen() throws {
        let folder = try SaverFolder()
        let first = try SaverBench(folder, SoloCommunicator())
        for epoch in 1...3 { try first.save(epoch: epoch) }
        try first.saver.finish(report: first.note)
        let second = try SaverBench(folder, SoloCommunicator(), keep: 1, opens: false)
        try second.saver.finish(report: second.note)
        #expect(try folder.names == (1...3).map { "ckpt_\($0).safetensors" })
    }

    @Test(arguments: 1...3)
    func aLastSaveThatFailsTwiceFailsAllRanks(ranks: Int) throws {
        let (errors, files) = try save(ranks: ranks, calls: failing(times: 2))
        for error in errors {
            let error = try #require(error)
            #expect(error.category == .inputOutput)
            #expect(error.message.contains("ckpt_0.safetensors': No space left on device"), "\(error)")
            #expect(error.hint?.contains("`resume`") == true)
        }
        #expect(files.isEmpty)
    }

    @Test(arguments: 0..<3)
    func nonFiniteValuesAreNotSaved(buffer: Int) throws {
        let bench = try SaverBench(try SaverFolder(), SoloCommunicator())
        let last = bench.replica.layout.count - 1
        let buffers = [bench.replica.parameters] + bench.replica.optimizerState.slots
        buffers[buffer][last] = [.nan, .infinity][buffer % 2]
        let error = try #require(throws: CollectiveError.self) { try bench.save(epoch: 1) }
        #expect(error.error.category == .badData)
        let kind = ["weights", "first moments", "second moments"][buffer]
        #expect(error.description.contains("the \(kind) of dense.bias are not finite"), "\(error)")
        #expect(try bench.folder.names.isEmpty)
    }

    @Test func oldCheckpointsAreDeletedOnlyAfterTheNewOneIsSaved() throws {
        let folder = try SaverFolder()
        let bench = try SaverBench(folder, SoloCommunicator(), keep: 1, calls: failing(times: 1, after: 1))
        try bench.save(epoch: 1)
        try bench.save(epoch: 2)
        bench.saver.settle(after: DTrainError(.internal, ""), report: bench.note)
        #expect(try folder.names == ["ckpt_1.safetensors"])
        try bench.save(epoch: 3)
        try bench.saver.finish(report: bench.note)
        #expect(try folder.names == ["ckpt_3.safetensors"])
    }
}

/// Calls whose writes fail a number of times, as on a full disk, after some successful saves.
private func failing(times: Int, after good: Int = 0) -> FileCalls {
    let files = Counter()
    var calls = FileCalls.system
    calls.open = { path, flags in
        let result = FileCalls.system.open(path, flags)
        if flags & O_CREAT != 0 { files.add() }
        return result
    }
    calls.write = { descriptor, bytes in
        guard (good + 1...good + times).contains(files.value) else { return FileCalls.system.write(descriptor, bytes) }
        errno = ENOSPC
        return -1
    }
    return calls
}

private final class Counter: Sendable {
    private let count = Mutex(0)
    var value: Int { count.withLock { $0 } }
    func add() { count.withLock { $0 += 1 } }
}

/// A disk that blocks flushes until released.
private final class SlowDisk: @unchecked Sendable {
    private let condition = NSCondition()
    private var isReleased = false
    private(set) var waiting = 0
    private(set) var mostAtOnce = 0

    var calls: FileCalls {
        var calls = FileCalls.system
        calls.flush = { [self] descriptor in
            condition.lock()
            waiting += 1
            mostAtOnce = max(mostAtOnce, waiting)
            while !isReleased { condition.wait() }
            waiting -= 1
            condition.unlock()
            return FileCalls.system.flush(descriptor)
        }
        return calls
    }

    func release() {
        condition.lock()
        isReleased = true
        condition.broadcast()
        condition.unlock()
    }
}
