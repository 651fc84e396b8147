import DistributedTesting
import FoundationEssentials
import Glibc
import Testing

@testable import DTrainCore

@Suite struct CheckpointDirectoryTests {
    private let folder: ScratchFolder
    private let directory: CheckpointDirectory

    init() throws {
        folder = try ScratchFolder()
        directory = CheckpointDirectory(path: folder.file("run"))
        try directory.prepare()
    }

    private func path(_ name: String) -> String { "\(directory.path)/\(name)" }

    private func fill(_ names: [String], damaged: [String] = []) throws {
        for name in names { try SampleModel().write(to: path(name)) }
        for name in damaged { try writeBytes([1, 2, 3], to: path(name)) }
    }

    private var names: [String] { get throws { try directory.list().map(\.fileName) } }

    @Test func fileNamesFollowTheProgress() {
        #expect(CheckpointName(TrainingProgress(epoch: 3)).fileName == "ckpt_3.safetensors")
        #expect(CheckpointName(TrainingProgress(epoch: 2, stepInEpoch: 40)).fileName == "ckpt_3_40.safetensors")
        #expect(directory.file(for: TrainingProgress(epoch: 1)) == path("ckpt_1.safetensors"))
    }

    @Test(arguments: [
        "ckpt_.safetensors", "ckpt_01.safetensors", "ckpt_+1.safetensors", "ckpt_-1.safetensors", "ckpt_1_.safetensors",
        "ckpt_1_0.safetensors", "ckpt_0_5.safetensors", "ckpt_1_2_3.safetensors", "ckpt_1.safetensors.bak", "ckpt_1",
        "ckpt_99999999999999999999.safetensors", "ckpt_9223372036854775808_1.safetensors", ".ckpt_1.safetensors",
        "ckpt_.safetensors.safetensors", "ckpt_1safetensors", "ckpt_safetensors", "",
    ]) func otherFileNamesAreNotCheckpoints(name: String) {
        #expect(CheckpointName(name) == nil)
    }

    @Test func theListIsSortedByProgressNewestFirst() throws {
        let expected = ["ckpt_10", "ckpt_3", "ckpt_3_140", "ckpt_3_40", "ckpt_3_5", "ckpt_2", "ckpt_1_1", "ckpt_0"]
            .map { "\($0).safetensors" }
        for name in expected.sorted() + ["ckpt_x.safetensors", "notes"] { try writeBytes([], to: path(name)) }
        #expect(try names == expected)
    }

    @Test func damagedNewestCheckpointsAreReportedAndSkipped() throws {
        try fill(["ckpt_1.safetensors", "ckpt_2.safetensors"], damaged: ["ckpt_3_7.safetensors"])
        #expect(mkdir(path("ckpt_3.safetensors"), 0o777) == 0)
        var reports: [String] = []
        let newest = try directory.newestValid { reports.append($0.message) }
        #expect(newest?.path == path("ckpt_2.safetensors"))
        try #require(reports.count == 2)
        #expect(reports[0].contains("ckpt_3.safetensors") && reports[1].contains("ckpt_3_7.safetensors"))
    }

    @Test func theBestCheckpointIsTheNewestIfItIsAlone() throws {
        try fill([CheckpointDirectory.bestName])
        #expect(try directory.newestValid()?.path == directory.best)
        try fill(["ckpt_1.safetensors"])
        #expect(try directory.newestValid()?.path == path("ckpt_1.safetensors"))
    }

    @Test func emptyAndMissingFoldersHaveNoCheckpoints() throws {
        #expect(try directory.newestValid { _ in }?.path == nil)
        try directory.requireFresh()
        let missing = CheckpointDirectory(path: folder.file("missing"))
        #expect(try missing.list().isEmpty)
        try missing.requireFresh()
        try missing.removeAll()
    }

    @Test func aUsedFolderIsRejectedNamingFilesAndFlags() throws {
        try fill([], damaged: ["ckpt_1.safetensors", "ckpt_2_3.safetensors", "notes"])
        let error = try requireError(.usage) { try directory.requireFresh() }
        for text in ["ckpt_1.safetensors", "ckpt_2_3.safetensors", "`resume`", "`overwrite`", directory.path] {
            #expect(error.description.contains(text))
        }
        try directory.removeAll()
        try directory.requireFresh()
        #expect(try FileManager.default.contentsOfDirectory(atPath: directory.path) == ["notes"])
    }

    @Test(arguments: [0, 1, 2, 5]) func pruneKeepsTheRequestedCountAndAtLeastOne(count: Int) throws {
        try fill((1...4).map { "ckpt_\($0).safetensors" })
        try directory.prune(keeping: count)
        #expect(try names == (1...4).reversed().prefix(max(count, 1)).map { "ckpt_\($0).safetensors" })
    }

    @Test func pruneAlsoKeepsTheNewestValidCheckpoint() throws {
        try fill(["ckpt_1.safetensors", "ckpt_2.safetensors"], damaged: ["ckpt_3.safetensors", "ckpt_4.safetensors"])
        try directory.prune(keeping: 1)
        #expect(try names == ["ckpt_4.safetensors", "ckpt_2.safetensors"])
    }

    @Test func pruneDeletesNothingWhenNoneIsValid() throws {
        try fill([], damaged: ["ckpt_1.safetensors", "ckpt_2.safetensors"])
        try directory.prune(keeping: 1)
        #expect(try names.count == 2)
    }

    @Test func prepareCreatesFoldersAndRemovesTemporaryFiles() throws {
        let deep = CheckpointDirectory(path: folder.file("a/b/c/"))
        try deep.prepare()
        try writeBytes([1], to: "\(deep.path)/.ckpt_1.safetensors.1-1.dtrain-tmp")
        try deep.prepare()
        #expect(try FileManager.default.contentsOfDirectory(atPath: deep.path).isEmpty)
    }

    @Test func aFileInPlaceOfTheFolderIsNamed() throws {
        let file = folder.file("file")
        try writeBytes([1], to: file)
        for path in [file, "\(file)/below"] {
            let error = try requireError(.inputOutput) { try CheckpointDirectory(path: path).prepare() }
            #expect(error.message.contains("'\(path)'"))
        }
        _ = try requireError(.inputOutput) { _ = try CheckpointDirectory(path: file).list() }
    }

    @Test func pathsResolveToAFileOrTheNewestValidCheckpoint() throws {
        let error = try requireError(.noInput) { _ = try CheckpointDirectory.resolve(directory.path) { _ in } }
        #expect(error.message.contains("'\(directory.path)'"))
        _ = try requireError(.noInput) { _ = try CheckpointDirectory.resolve(path("none")) { _ in } }
        try SampleModel().writeGenerator(to: path("generator.safetensors"))
        #expect(try CheckpointDirectory.resolve(directory.path) { _ in }.path == path("generator.safetensors"))
        try fill(["ckpt_1.safetensors", "other"], damaged: ["ckpt_2.safetensors"])
        var reports = 0
        #expect(
            try CheckpointDirectory.resolve(directory.path) { _ in reports += 1 }.path == path("ckpt_1.safetensors"))
        #expect(reports == 1)
        #expect(try CheckpointDirectory.resolve(path("other")) { _ in }.path == path("other"))
    }

    /// A new checkpoint is kept even if it appears damaged, as after a transient read error.
    @Test func pruneNeverDeletesTheCheckpointJustWritten() throws {
        try fill(["ckpt_1.safetensors", "ckpt_2.safetensors"], damaged: ["ckpt_3.safetensors"])
        try directory.prune(keeping: 1, written: path("ckpt_3.safetensors"))
        #expect(try names == ["ckpt_3.safetensors"])
        try fill(["ckpt_2.safetensors", "ckpt_4.safetensors"])
        try directory.prune(keeping: 1, written: path("ckpt_3.safetensors"))
        #expect(try names == ["ckpt_4.safetensors", "ckpt_3.safetensors"])
    }

    @Test func folderCreationErrorsGiveTheSystemsReason() throws {
        // sysfs allows no new folders, even for root.
        let path = "/sys/dtrain-test/run"
        try #require(mkdir("/sys/dtrain-test", 0o777) != 0)
        let reason = systemMessage()
        try #require(reason != systemMessage(ENOENT))
        let error = try requireError(.inputOutput) { try CheckpointDirectory(path: path).prepare() }
        #expect(error.message.contains("cannot create folder '\(path)': \(reason); "), "\(error)")
    }

    @Test func onlyOneTrainingCanLockTheFolder() throws {
        var first: CheckpointLock? = try CheckpointLock(directory)
        let error = try requireError(.inputOutput) { _ = try CheckpointLock(directory) }
        #expect(error.message.contains("'\(directory.path)'"), "\(error)")
        #expect(error.hint?.contains("`checkpoint-dir`") == true, "\(error)")
        withExtendedLifetime(first) {}
        first = nil
        _ = try CheckpointLock(directory)
    }

    @Test func readingReportsProgress() throws {
        try fill(["ckpt_1.safetensors"])
        let heartbeat = Heartbeat()
        let checkpoint = try #require(try directory.newestValid(heartbeat: heartbeat) { Issue.record("\($0)") })
        let opened = heartbeat.beats
        #expect(opened > 0)
        let parameters = try AlignedBuffer<Float>(count: checkpoint.layout.count)
        try checkpoint.load(parameters: parameters.pointer)
        #expect(heartbeat.beats >= opened + checkpoint.layout.tensors.count)
    }
}
