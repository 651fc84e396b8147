import DTrainCore
import DistributedTesting
import Foundation
import Testing

/// SIGKILL at random moments of a training that saves every step.
@Suite(.serialized)
struct KillTests {
    private static let epochs = 6
    private static let flags =
        "--epochs \(epochs) --checkpoint-every-steps 1 --keep 4 --metrics metrics.jsonl --resume"

    @Test func aKillLosesOnlyTheSaveInProgress() throws {
        let whole = try Bench()
        let start = Date()
        try whole.train(Self.flags)
        let duration = Date().timeIntervalSince(start)
        var bench = try Bench()
        let wanted = Torture.count(fast: 10, full: 200)
        let random = CounterRandom(seed: Torture.seed, purpose: .sampling)
        var (kills, ends, last) = (0, 0, 0)
        // Every fifth kill hits rank 0 of a job.
        while kills < wanted, ends < 10 * wanted {
            // The delay ranges from before the start to after the end of a run resumed in the
            // middle.
            let delay = Double(random.uniform(UInt64(kills + ends))) * duration * 0.7
            let isJob = MPIRun.isAvailable && (kills + ends) % 5 == 4
            if try isJob ? runJob(bench, killedAfter: delay) : run(bench, killedAfter: delay) {
                kills += 1
                last = try checkFolder(bench, atLeast: last)
            } else {
                ends += 1
                try expectSameResult(bench, whole)
                (bench, last) = (try Bench(), 0)
            }
        }
        #expect(kills == wanted)
        print("\(kills) kills, \(ends) finished runs")
        // Resumes from the state after the last kill.
        try bench.train(Self.flags)
        try expectSameResult(bench, whole)
    }

    /// Runs a training; returns whether it was killed before its end.
    private func run(_ bench: Bench, killedAfter seconds: Double) throws -> Bool {
        let program = "'\(try MPIRun.find("dtrain"))'"
        let outcome = try MPIRun.shell(
            "timeout -s KILL \(seconds) \(program) \(Bench.train(Self.flags)) >>output", folder: bench.folder)
        guard outcome.status != 0 else { return false }
        #expect(outcome.status == 137, "\(outcome)")
        return true
    }

    /// Runs two ranks; returns whether rank 0 was killed before their end.
    ///
    /// A launcher may hang forever if a rank dies during start-up. It is killed after 10 s,
    /// together with the other rank, which must not keep writing into the folder.
    private func runJob(_ bench: Bench, killedAfter seconds: Double) throws -> Bool {
        let program = "'\(try MPIRun.find("dtrain"))'"
        // The launcher's first child is rank 0.
        let outcome = try MPIRun.shell(
            """
            \(MPIRun.command.joined(separator: " ")) -np 2 \(program) \(Bench.train(Self.flags)) >>output & job=$!
            children() { cat /proc/$job/task/*/children 2>/dev/null; }
            until first=$(children | tr ' ' '\\n' | sort -n | grep -m 1 .); do kill -0 $job 2>/dev/null || break; done
            sleep \(seconds); kill -KILL $first
            for i in $(seq 100); do kill -0 $job 2>/dev/null || break; sleep 0.1; done
            if kill -0 $job 2>/dev/null; then
                left=$(children); kill -KILL $job $left
                for process in $left; do while readlink -q /proc/$process/exe >/dev/null; do sleep 0.05; done; done
            fi
            wait $job
            """,
            folder: bench.folder)
        guard outcome.status != 0 else { return false }
        #expect(outcome.status == 137, "\(outcome)")
        return true
    }

    /// Checks the folder after a kill; returns the newest checkpoint's step.
    private func checkFolder(_ bench: Bench, atLeast last: Int) throws -> Int {
        let directory = CheckpointDirectory(path: bench.path("training_checkpoints"))
        let newest = try directory.newestValid { Issue.record("damaged: \($0)") }
        let step = newest?.metadata.progress?.step ?? 0
        #expect(step >= last)
        // The last reported checkpoint exists, or a later one.
        if bench.exists("output") {
            let output = String(decoding: try bench.read("output"), as: UTF8.self)
            let saved = output.split(separator: "\n").filter { $0.hasPrefix("saved ") }.last
            let name = saved.flatMap { line in
                let path = line.dropFirst(6).prefix { $0 != " " }
                return CheckpointName(URL(fileURLWithPath: String(path)).lastPathComponent)
            }
            #expect(name != nil || saved == nil)
            let found = newest.flatMap { CheckpointName(URL(fileURLWithPath: $0.path).lastPathComponent) }
            if let name { #expect(try #require(found) >= name) }
        }
        // Step k + 1 overlaps the save of step k; the next save waits for it.
        if bench.exists("metrics.jsonl") {
            let lines = String(decoding: try bench.read("metrics.jsonl"), as: UTF8.self).split(separator: "\n")
            let steps = lines.compactMap { try? JSONDecoder().decode(Metrics.Line.self, from: Data($0.utf8)).step }
            #expect((steps.last ?? 0) <= step + 2)
        }
        return step
    }

    private func expectSameResult(_ bench: Bench, _ whole: Bench) throws {
        #expect(try bench.names(in: "training_checkpoints") == whole.names(in: "training_checkpoints"))
        let name = "training_checkpoints/ckpt_\(Self.epochs).safetensors"
        #expect(try bench.read(name) == whole.read(name))
        #expect(try Metrics(bench.read("metrics.jsonl")).losses == Metrics(whole.read("metrics.jsonl")).losses)
    }
}
