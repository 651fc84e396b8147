import DistributedTesting
import Foundation
import Testing

/// No file reader crashes, hangs or uses more memory than four times the file's size, for any
/// content.
///
/// The checks run in `dtrain-file-checks` with limited memory, so a crash ends only that process.
@Suite struct HostileFileTests {
    @Test(arguments: [
        "checkpoint", "weights", "pytorch", "keras", "text", "metrics", "run", "message", "address", "profile", "ranks",
        "environment",
    ])
    func mutatedFilesAreReadOrRejected(reader: String) throws {
        let count = Torture.count(fast: 1_000, full: 100_000)
        // A failure also prints the seed of its input.
        let seed = Torture.seed
        let outcome = try MPIRun.run(
            executable: "dtrain-file-checks", arguments: ["fuzz", reader, "\(count)", "\(seed)"],
            seconds: Torture.count(fast: 300, full: 20_000))
        #expect(outcome.status == 0, "seed \(seed): \(outcome)")
        #expect(outcome.stdout.contains("passed \(reader) \(count) inputs"), "\(outcome)")
    }

    @Test func readersUseAtMostFourTimesTheFileSize() throws {
        let outcome = try MPIRun.run(
            executable: "dtrain-file-checks", arguments: ["bounds", "\(Torture.count(fast: 2, full: 16))"],
            seconds: Torture.count(fast: 300, full: 900))
        #expect(outcome.status == 0, "\(outcome)")
        #expect(outcome.stdout.contains("passed bounds"), "\(outcome)")
    }
}
