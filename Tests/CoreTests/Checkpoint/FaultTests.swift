import DistributedTesting
import Glibc
import Testing

@testable import DTrainCore

/// A file is written completely or not at all, whichever system call fails or is the last one
/// before the process dies.
@Suite struct FaultTests {
    private let folder: ScratchFolder
    private let directory: CheckpointDirectory

    init() throws {
        folder = try ScratchFolder()
        directory = CheckpointDirectory(path: folder.file("run"))
        try directory.prepare()
    }

    private func model(epoch: Int) -> SampleModel {
        var model = SampleModel()
        model.metadata.progress = TrainingProgress(
            epoch: epoch, step: 172 * epoch, epochLosses: Array(repeating: 1, count: epoch))
        return model
    }

    private func save(epoch: Int, with calls: FileCalls = .system) throws {
        try model(epoch: epoch).write(to: directory.file(for: TrainingProgress(epoch: epoch)), with: calls)
    }

    /// The newest valid checkpoint's epoch; no other checkpoint may be damaged.
    private func newest() throws -> Int? {
        try directory.newestValid { Issue.record("damaged: \($0)") }?.metadata.progress?.epoch
    }

    @Test func theFileIsFlushedBeforeTheRenameAndTheFolderAfterIt() throws {
        let faulty = FaultyCalls()
        try save(epoch: 1, with: faulty.calls)
        let trace = faulty.trace.reduce(into: [FaultyCalls.Step]()) { if $0.last != $1 { $0.append($1) } }
        #expect(trace == [.create, .write, .flushFile, .closeFile, .rename, .openFolder, .flushFolder])
        #expect(try newest() == 1)
    }

    @Test(arguments: FaultyCalls.Step.allCases, FaultyCalls.Fault.allCases)
    func aFaultLeavesTheOldOrTheNewCheckpoint(step: FaultyCalls.Step, fault: FaultyCalls.Fault) throws {
        try save(epoch: 1)
        let faulty = FaultyCalls(step, fault)
        // A process that dies after the last call has completed the save.
        let isSaved = step == .flushFolder && fault == .deathAfter
        #expect((try? save(epoch: 2, with: faulty.calls)) == nil || isSaved)
        let isRenamed =
            step == .openFolder || step == .flushFolder
            || step == .rename && (fault == .deathAfter || fault == .failureAfterEffect)
        #expect(try newest() == (isRenamed ? 2 : 1))
        if !fault.isDeath {
            #expect(try !Folder.names(in: directory.path).contains { AtomicFile.isTemporary($0) })
        }
        // The next start and the next save must work.
        faulty.closeAll()
        try directory.prepare()
        try save(epoch: 3)
        #expect(try newest() == 3)
    }

    @Test(arguments: FaultyCalls.Step.allCases, FaultyCalls.Fault.allCases)
    func aFaultDuringAReplacementLeavesTheOldOrTheNewFile(step: FaultyCalls.Step, fault: FaultyCalls.Fault) throws {
        try save(epoch: 1)
        let path = directory.file(for: TrainingProgress(epoch: 1))
        let old = try readBytes(path)
        let faulty = FaultyCalls(step, fault)
        try? AtomicFile.write(to: path, with: faulty.calls) { writer in
            try Array("new".utf8).withUnsafeBytes { try writer.write($0) }
        }
        let now = try readBytes(path)
        #expect(now == old || now == Array("new".utf8))
    }

    @Test func aFullDiskIsReportedAndLeavesNoPartialFile() throws {
        try save(epoch: 1)
        let error = try requireError(.inputOutput) {
            try save(epoch: 2, with: FaultyCalls(.write, code: ENOSPC).calls)
        }
        #expect(error.message.contains("ckpt_2.safetensors") && error.message.contains("No space left"))
        #expect(try Folder.names(in: directory.path) == ["ckpt_1.safetensors"])
    }

    @Test func interruptedFlushesAreRetried() throws {
        // A signal interrupts every other flush; the retry completes.
        nonisolated(unsafe) var interruptions = 0
        var calls = FileCalls.system
        calls.flush = { descriptor in
            interruptions += 1
            guard interruptions.isMultiple(of: 2) else {
                errno = EINTR
                return -1
            }
            return fsync(descriptor)
        }
        try save(epoch: 1, with: calls)
        #expect(interruptions == 4)
        #expect(try newest() == 1)
    }

    /// A truncated checkpoint is rejected, and the previous one is used.
    @Test func aTruncatedNewestCheckpointIsNeverLoaded() throws {
        try save(epoch: 1)
        let path = directory.file(for: TrainingProgress(epoch: 2))
        let large = try LargeModel(epoch: 2).write(to: path)
        let step = Torture.count(fast: 4_096 * 8, full: 4_096)
        var lengths = Array(stride(from: 0, to: large.count, by: step))
        lengths += [1, 7, 8, 9, large.count - 1]
        for length in lengths {
            #expect(truncate(path, length) == 0)
            var reported = 0
            #expect(try directory.newestValid { _ in reported += 1 }?.metadata.progress?.epoch == 1, "\(length) bytes")
            #expect(reported == 1)
            try writeBytes(large, to: path)
        }
    }

    /// Flips one bit at each of several offsets, a quarter of them in the first 2,000 bytes.
    @Test func aNewestCheckpointWithAFlippedBitIsNeverLoaded() throws {
        try save(epoch: 1)
        let path = directory.file(for: TrainingProgress(epoch: 2))
        let large = try LargeModel(epoch: 2).write(to: path)
        let count = Torture.count(fast: 60, full: 500)
        let offsets =
            (0..<count / 4).map { $0 * 2_000 / (count / 4) }
            + (0..<count - count / 4).map { $0 * (large.count - 1) / (count - count / 4 - 1) }
        for offset in offsets {
            var bytes = large
            bytes[offset] ^= 1 << UInt8.random(in: 0..<8)
            try writeBytes(bytes, to: path)
            var reported = 0
            #expect(try directory.newestValid { _ in reported += 1 }?.metadata.progress?.epoch == 1, "byte \(offset)")
            #expect(reported == 1)
        }
        try writeBytes(large, to: path)
        #expect(try newest() == 2)
    }
}

/// A checkpoint of several hundred kilobytes.
private struct LargeModel {
    let layout = ParameterLayout(ModelConfiguration(embeddingDim: 16, rnnUnits: 64, vocabularySize: 5))
    let epoch: Int

    func write(to path: String) throws -> [UInt8] {
        var metadata = SampleModel().metadata
        metadata.model = layout.configuration
        metadata.progress = TrainingProgress(
            epoch: epoch, step: 172 * epoch, epochLosses: Array(repeating: 1, count: epoch))
        let values = (0..<layout.count).map { Float($0) * 0.001 }
        let state = try OptimizerState(Adam(), count: layout.count)
        for slot in state.slots { _ = slot.elements.update(from: values) }
        try Checkpoint.write(to: path, metadata: metadata, layout: layout, parameters: values, optimizer: state)
        return try readBytes(path)
    }
}
