import DistributedTesting
import Foundation
import Testing

/// `hostfiles/slurm.example.sh` with a fake `srun` that trains a small model in one process, and an
/// `scontrol` that logs its arguments.
@Suite(.serialized)
struct SlurmScriptTests {
    private static let script = TypedPage.root.appendingPathComponent("hostfiles/slurm.example.sh").path

    /// A fake `srun`; `SMALL` holds the flags of a small model, with a number of epochs that
    /// overrides the script's.
    private static let srun = """
        #!/bin/sh
        while [ "${1#-}" != "$1" ]; do shift; done
        words=
        while [ $# -gt 0 ]; do
            if [ "$1" = --epochs ]; then shift; else words="$words $1"; fi
            shift
        done
        exec $words $SMALL
        """

    private func bench() throws -> Bench {
        let bench = try Bench()
        for folder in ["bin", ".local/bin", "data", "runs"] {
            try FileManager.default.createDirectory(atPath: bench.path(folder), withIntermediateDirectories: true)
        }
        try bench.write(Bench.text, to: "data/shakespeare.txt")
        try bench.write(Self.srun, to: "bin/srun")
        try bench.write("#!/bin/sh\necho \"$@\" >>requeued\n", to: "bin/scontrol")
        for program in ["bin/srun", "bin/scontrol"] {
            try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: bench.path(program))
        }
        try FileManager.default.createSymbolicLink(
            atPath: bench.path(".local/bin/dtrain"), withDestinationPath: try MPIRun.find("dtrain"))
        return bench
    }

    /// Runs the script in the background of a shell that then runs `meanwhile`; `$job` is the
    /// script.
    private func submit(
        _ bench: Bench, epochs: Int, more: String = "", meanwhile: String = ""
    ) throws -> MPIRun.Outcome {
        let small = "--rnn-units 16 --embedding-dim 8 --seq-length 10 --batch-size 8 --micro-batch-size 2"
        return try MPIRun.shell(
            """
            export HOME=$PWD PATH=$PWD/bin:$PATH SLURM_JOB_ID=77 SLURM_CPUS_PER_TASK=1
            export SMALL='\(small) --epochs \(epochs) \(more)'
            bash '\(Self.script)' & job=$!
            \(meanwhile)
            wait $job
            """, folder: bench.folder)
    }

    private func requeued(_ bench: Bench) throws -> String {
        bench.exists("requeued") ? String(decoding: try bench.read("requeued"), as: UTF8.self) : ""
    }

    private static let steps =
        "until [ \"$(cat runs/shakespeare.jsonl 2>/dev/null | wc -l)\" -ge 3 ]; do sleep 0.02; done"

    @Test func aSignaledJobIsRequeuedOnceAndResumes() throws {
        let bench = try bench()
        let first = try submit(bench, epochs: 100_000, meanwhile: "\(Self.steps)\nkill -USR1 $job")
        #expect(first.status == 75, "\(first)")
        #expect(try requeued(bench) == "requeue 77\n")
        #expect(first.stdout.contains("stopped and saved; going back into the queue"), "\(first)")
        #expect(first.stderr.contains("stopped by SIGUSR1 after step "), "\(first)")
        #expect(try !bench.names(in: "runs/shakespeare").isEmpty)
        // Slurm restarts the same script, which resumes, finishes, and isn't requeued.
        let steps = try Metrics(bench.read("runs/shakespeare.jsonl")).steps.count
        let second = try submit(bench, epochs: steps / Bench.stepsPerEpoch + 2)
        #expect(second.status == 0, "\(second)")
        #expect(second.stderr.contains("resumed from '"), "\(second)")
        #expect(try requeued(bench) == "requeue 77\n")
    }

    @Test func aFailedJobIsNotRequeued() throws {
        let bench = try bench()
        let outcome = try submit(bench, epochs: 1, more: "--learning-rate 0")
        #expect(outcome.status == 64, "\(outcome)")
        #expect(try requeued(bench).isEmpty)
    }

    /// Slurm ends a job with SIGTERM after `scancel` or at the time limit.
    @Test func aTerminatedJobSavesAndKeepsItsExitCode() throws {
        let bench = try bench()
        let outcome = try submit(bench, epochs: 100_000, meanwhile: "\(Self.steps)\nkill -TERM $job")
        #expect(outcome.status == 75, "\(outcome)")
        #expect(outcome.stderr.contains("stopped by SIGTERM after step "), "\(outcome)")
    }
}
