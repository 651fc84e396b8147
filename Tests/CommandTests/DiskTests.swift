import DTrainCore
import DistributedTesting
import Foundation
import Testing

/// Trainings on a small file system, which only root can mount.
@Suite(.serialized, .enabled(if: SmallDisk.isAvailable, "mounting a tmpfs needs root"))
struct DiskTests {
    private static let flags = "--checkpoint-every-steps 5"

    @Test(arguments: Launch.each)
    func aFullDiskKeepsTheExistingCheckpoints(launch: Launch) throws {
        let (bench, whole) = (try Bench(), try Bench())
        try whole.train(Self.flags)
        let size = try whole.read("training_checkpoints/ckpt_2.safetensors").count
        // Room for two checkpoints but not three; a file occupies whole pages.
        let disk = try SmallDisk(bench.path("training_checkpoints"), kilobytes: 2 * (size / 4096 + 1) * 4 + 12)
        let outcome = try bench.tryToTrain(Self.flags, on: launch)
        let errors = outcome.stderr.split(separator: "\n").filter { $0.hasPrefix("error: ") }
        let warnings = outcome.stderr.split(separator: "\n").filter { $0.hasPrefix("warning: not saved") }
        #expect(outcome.status == 74, "\(outcome)")
        try #require(errors.count == 1, "\(outcome)")
        #expect(errors[0].contains("ckpt_2.safetensors': No space left on device"), "\(outcome)")
        // Of seven saves, the first two fit.
        #expect(warnings.count == 5, "\(outcome)")
        #expect(warnings.first?.contains("ckpt_1.safetensors': No space left on device") == true, "\(outcome)")
        #expect(try bench.names(in: "training_checkpoints") == ["ckpt_1_10.safetensors", "ckpt_1_5.safetensors"])
        try disk.remount("size=\(8 * size)")
        try bench.train("\(Self.flags) --resume", on: launch)
        let last = "training_checkpoints/ckpt_2.safetensors"
        #expect(try bench.read(last) == whole.read(last))
    }

    @Test(arguments: Launch.each)
    func keepFreesSpaceForTheNextSave(launch: Launch) throws {
        let (bench, whole) = (try Bench(), try Bench())
        try whole.train(Self.flags)
        let size = try whole.read("training_checkpoints/ckpt_2.safetensors").count
        let disk = try SmallDisk(bench.path("training_checkpoints"), kilobytes: 2 * (size / 4096 + 1) * 4 + 12)
        let outcome = try bench.train("\(Self.flags) --keep 1", on: launch)
        #expect(!outcome.stderr.contains("warning"), "\(outcome)")
        #expect(try bench.names(in: "training_checkpoints") == ["ckpt_2.safetensors"])
        withExtendedLifetime(disk) {}
    }

    @Test(arguments: Launch.each)
    func aReadOnlyFolderIsRejectedBeforeTraining(launch: Launch) throws {
        let bench = try Bench()
        let disk = try SmallDisk(bench.path("training_checkpoints"), kilobytes: 1024)
        try disk.remount("ro")
        let outcome = try bench.tryToTrain(Self.flags, on: launch)
        expectRejected(outcome, 74, "'training_checkpoints'", "Read-only file system", on: launch)
        #expect(!outcome.stdout.contains("Epoch"), "\(outcome)")
    }

    @Test func aFolderThatBecomesReadOnlyKeepsItsCheckpoints() throws {
        let bench = try Bench()
        let disk = try SmallDisk(bench.path("training_checkpoints"), kilobytes: 4096)
        let program = "'\(try MPIRun.find("dtrain"))'"
        // The remount fails while a file is being written, so it is retried.
        let outcome = try MPIRun.shell(
            "(while ! ls training_checkpoints | grep -q ^ckpt; do sleep 0.01; done; "
                + "while ! mount -o remount,ro training_checkpoints 2>/dev/null; do :; done) & "
                + "\(program) \(Bench.train("--epochs 60 --checkpoint-every-steps 20 --keep 3")); code=$?; wait; exit $code",
            folder: bench.folder)
        #expect(outcome.status == 74, "\(outcome.status) \(outcome.stderr)")
        #expect(outcome.stderr.contains("warning: not saved: ") && outcome.stderr.contains("Read-only file system"))
        let directory = CheckpointDirectory(path: bench.path("training_checkpoints"))
        let newest = try directory.newestValid { Issue.record("damaged: \($0)") }
        #expect(newest != nil)
        try disk.remount("rw")
        try bench.train("--epochs 60 --checkpoint-every-steps 20 --keep 3 --resume")
    }
}

/// A tmpfs of a few kilobytes, unmounted with this object.
private final class SmallDisk {
    private let path: String

    /// Whether this process may mount a file system.
    static let isAvailable: Bool = {
        guard geteuid() == 0, let bench = try? Bench(), (try? SmallDisk(bench.path("try"), kilobytes: 16)) != nil else {
            return false
        }
        return true
    }()

    init(_ path: String, kilobytes: Int) throws {
        self.path = path
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
        try Self.run("mount -t tmpfs -o size=\(kilobytes)k dtrain-test '\(path)'")
    }

    deinit { try? Self.run("umount -l '\(path)'") }

    func remount(_ options: String) throws { try Self.run("mount -o remount,\(options) '\(path)'") }

    private static func run(_ command: String) throws {
        let outcome = try MPIRun.shell(command)
        try #require(outcome.status == 0, "\(command): \(outcome)")
    }
}
