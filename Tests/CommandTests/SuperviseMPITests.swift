import DTrainDistributed
import DistributedTesting
import Foundation
import Testing

/// `dtrain supervise` over a job of several ranks.
@Suite(.serialized, .enabled(if: MPIRun.isAvailable && MPIRun.isOpenMPI, "Open MPI's mpirun isn't installed"))
struct SuperviseMPITests {
    /// Runs `supervise -- mpirun -np 3 dtrain train FLAGS` in the background of a shell script, as
    /// `$supervisor`, with functions that find the launcher and the ranks.
    private func supervise(
        _ bench: Bench, _ flags: String, wrapper: String = "", script: String
    ) throws -> MPIRun.Outcome {
        let program = "'\(try MPIRun.find("dtrain"))'"
        let functions = """
            child() { for p in /proc/[0-9]*; do
                [ "$(sed -n 's/^PPid:\t//p' $p/status 2>/dev/null)" = "$1" ] && echo ${p#/proc/}; done; }
            launcher() { child $supervisor | head -n 1; }
            rank() { for p in $(child $(launcher)); do
                tr '\\0' '\\n' <"/proc/$p/environ" 2>/dev/null | grep -qx "OMPI_COMM_WORLD_RANK=$1" && echo $p; done; }
            steps() { until [ "$(cat metrics.jsonl 2>/dev/null | wc -l)" -ge "$1" ]; do
                kill -0 $supervisor 2>/dev/null || return; sleep 0.02; done; }
            """
        return try MPIRun.shell(
            "\(functions)\n\(SignaledJob.interruptFunctions)\n\(program) supervise --backoff 0.01 -- \(wrapper) "
                + "\(MPIRun.command.joined(separator: " ")) -np 3 \(program) "
                + "\(Bench.train(flags, over: "--metrics metrics.jsonl --quiet")) >/dev/null & supervisor=$!\n\(script)",
            folder: bench.folder)
    }

    @Test func aRestartAfterAKilledRankKeepsTheBits() throws {
        let bench = try Bench()
        let outcome = try supervise(
            bench, "--epochs 40 --checkpoint-every-steps 2 --keep 2",
            script: "steps 5; kill -KILL $(rank 2); wait $supervisor")
        #expect(outcome.status == 0, "\(outcome)")
        #expect(outcome.stderr.contains("supervise: attempt 1: exit code 137"), "\(outcome)")
        #expect(outcome.stderr.contains("supervise: attempt 2: exit code 0"), "\(outcome)")
        #expect(outcome.stderr.contains("resumed from 'training_checkpoints/ckpt_"), "\(outcome)")
        try bench.train("--epochs 40 --checkpoint-dir whole --quiet")
        #expect(try bench.read("training_checkpoints/ckpt_40.safetensors") == bench.read("whole/ckpt_40.safetensors"))
        #expect(try Metrics(bench.read("metrics.jsonl")).steps == Array(1...40 * Bench.stepsPerEpoch))
    }

    /// After all but the last signal, the launcher alone would end the ranks within a second.
    @Test(arguments: ["TERM", "INT", "HUP", "USR1"])
    func aSignalToTheSupervisorSavesAndEndsTheJob(signal: String) throws {
        let bench = try Bench()
        let outcome = try supervise(
            bench, "--epochs 100000 --keep 2", script: "steps 5; kill -\(signal) $supervisor; wait $supervisor")
        #expect(outcome.status == 75, "\(outcome)")
        expectReports(outcome, signal: signal)
        let command = try #require(
            outcome.stderr.firstMatch(of: /; saved training_checkpoints\/ckpt_\S+; resume with: (.+)/), "\(outcome)")
        #expect(command.1.contains(/dtrain supervise --backoff 0.01 -- mpirun .* -np 3 .* --resume$/), "\(outcome)")
        // The reported command works.
        let again = try MPIRun.shell(
            "\(command.1.replacing("--epochs 100000", with: "--epochs 1")) >/dev/null", folder: bench.folder)
        #expect(again.stderr.contains("resumed from 'training_checkpoints/ckpt_"), "\(again)")
    }

    /// Expects the sent signal's name once at the signal and once at the end, although the launcher
    /// gets SIGUSR1.
    private func expectReports(
        _ outcome: MPIRun.Outcome, signal: String, sourceLocation: SourceLocation = #_sourceLocation
    ) {
        let lines = outcome.stderr.split(separator: "\n").map(String.init)
        let isTyped = signal == "INT"
        #expect(
            lines.filter { $0.contains("stopping after this step") }
                == [isTyped ? "\(StopSignals.stopNotice)" : "SIG\(signal): stopping after this step and saving"],
            "\(outcome)", sourceLocation: sourceLocation)
        #expect(
            lines.filter { $0.hasPrefix("stopped by SIG\(signal) to dtrain supervise after step ") }.count == 1,
            "\(outcome)", sourceLocation: sourceLocation)
    }

    /// Each wrapper would handle the signal differently or not forward it to the launcher.
    @Test(arguments: ["env WORD=1", "nice -n 1", "timeout 100", "sh wrapper.sh"])
    func signalsReachTheRanksThroughAWrapper(wrapper: String) throws {
        let bench = try Bench()
        try bench.write("\"$@\"\nexit $?\n", to: "wrapper.sh")
        let outcome = try supervise(
            bench, "--epochs 100000 --keep 2", wrapper: wrapper,
            script: "steps 5; kill -TERM $supervisor; wait $supervisor")
        #expect(outcome.status == 75, "\(outcome)")
        expectReports(outcome, signal: "TERM")
        #expect(outcome.stderr.contains("; saved training_checkpoints/ckpt_"), "\(outcome)")
    }

    @Test func aSecondInterruptEndsTheJobWithoutASave() throws {
        let bench = try Bench()
        // A suspended rank can't save.
        let outcome = try supervise(
            bench, "--epochs 100000 --keep 2",
            script:
                "steps 5; kill -STOP $(rank 1); kill -INT $supervisor; wait_delivered $supervisor; "
                + "is_alive $supervisor && echo waits; kill -INT $supervisor; wait $supervisor")
        #expect(outcome.stdout.contains("waits"), "\(outcome)")
        #expect(outcome.stderr.contains("\nnot saved\n"), "\(outcome)")
        #expect(outcome.status != 0 && outcome.status != 75 && outcome.status != 124, "\(outcome)")
    }

    /// A killed launcher doesn't clean up; the supervisor removes its files but not another job's.
    @Test func sharedMemoryOfADeadJobIsRemoved() throws {
        let bench = try Bench()
        let outcome = try supervise(
            bench, "--epochs 100000 --checkpoint-every-steps 2 --keep 2",
            script: """
                memory=$OMPI_MCA_btl_vader_backing_directory; sessions="$TMPDIR/ompi.*/pid.*"
                steps 5; touch $memory/vader_segment.other; ls $memory | wc -l
                for i in $(seq 100); do ls -d $sessions >/dev/null 2>&1 && break; sleep 0.02; done
                # The supervisor checks the job at least every two seconds.
                sleep 3; old=$(launcher); kill -KILL $old
                until new=$(launcher); [ -n "$new" ] && [ "$new" != "$old" ]; do sleep 0.02; done
                steps $(($(cat metrics.jsonl | wc -l) + 20)); kill -USR1 $supervisor; wait $supervisor; echo $?
                ls $memory; ls -d $sessions 2>/dev/null
                """)
        #expect(outcome.stdout.hasSuffix("\n75\nvader_segment.other\n"), "\(outcome)")
        #expect((outcome.stdout.split(separator: "\n").first.flatMap { Int($0) } ?? 0) >= 2, "\(outcome)")
        #expect(
            outcome.stderr.contains(/supervise: removed \d+ leftovers of attempt 1 from shared memory/), "\(outcome)")
    }

    @Test func noProcessSurvivesTheSupervisor() throws {
        let bench = try Bench()
        let outcome = try supervise(
            bench, "--epochs 100000 --keep 2",
            script: """
                steps 5; all="$(launcher) $(rank 0) $(rank 1) $(rank 2)"; echo $all | wc -w; kill -KILL $supervisor
                for i in $(seq 200); do
                    left=; for p in $all; do kill -0 $p 2>/dev/null && left="$left $p"; done
                    [ -z "$left" ] && { echo gone; exit; }
                    sleep 0.05
                done
                """)
        #expect(outcome.stdout == "4\ngone\n", "\(outcome)")
    }
}
