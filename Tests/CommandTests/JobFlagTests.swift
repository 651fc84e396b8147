import DistributedTesting
import Foundation
import Testing

/// Flags that affect how a training runs or what it measures, but not its results.
@Suite(.serialized)
struct JobFlagTests {
    @Test(arguments: Launch.each)
    func profilePartsAddUpToTheStepTime(launch: Launch) throws {
        let bench = try Bench()
        let outcome = try bench.tryToTrain("--epochs 1 --profile --metrics m.jsonl", on: launch)
        #expect(outcome.status == 0, "\(outcome)")
        for part in [
            "pack", "forward", "head", "backward through time", "weight gradient", "wait", "exchange", "optimizer",
        ] {
            #expect(outcome.stdout.contains("  \(part) "), "\(outcome)")
        }
        let steps = try Metrics(bench.read("m.jsonl")).lines.filter { $0.step != nil }
        #expect(steps.count == 13)
        for step in steps {
            let parts = try #require(step.profile)
            #expect(parts.count == 9)
            // "other" is the remainder, so every part must have been measured.
            for part in ["pack", "forward", "head", "backward", "weight_gradient", "adam"] {
                #expect(parts[part, default: 0] > 0, "\(part)")
            }
            #expect(abs(parts.values.reduce(0, +) - step.seconds) <= 1e-6 + 0.01 * step.seconds)
        }
    }

    @Test(.enabled(if: MPIRun.isAvailable, "mpirun is not installed"))
    func mpiAllreduceGivesNearlyTheSameLosses() throws {
        let bench = try Bench()
        let launch = Launch.ranks(2)
        for (mode, folder) in [("tree", "a"), ("mpi", "b")] {
            let line = "--epochs 1 --allreduce \(mode) --checkpoint-dir \(folder) --metrics \(folder).jsonl"
            let outcome = try bench.tryToTrain(line, on: launch)
            #expect(outcome.status == 0, "\(outcome)")
        }
        let (tree, library) = (try Metrics(bench.read("a.jsonl")), try Metrics(bench.read("b.jsonl")))
        #expect(tree.lines.count == library.lines.count)
        // The sums differ only in their order of addition.
        for (a, b) in zip(tree.lines, library.lines) {
            #expect(abs((a.loss ?? 0) - (b.loss ?? 0)) < 1e-4)
        }
    }
}
