import DTrainCore
import DTrainDistributed
import DistributedTesting
import Foundation
import Testing

/// A signal ends a training after a step, with a checkpoint and the command to resume.
@Suite(.serialized)
struct SignalTests {
    /// The launch, the signal and its target.
    struct Trial: Sendable, CustomTestStringConvertible {
        let launch: Launch
        let signal: String
        /// The pid as a shell expression.
        let target: String
        /// Whether the launcher ends the job itself, as it does after SIGTERM and SIGINT; its
        /// output isn't checked then.
        var launcherEnds: Bool { target == "$job" && signal != "USR1" && launch.description != "alone" }

        var testDescription: String { "\(launch): SIG\(signal) to \(target)" }
    }

    static let trials: [Trial] = {
        let alone = ["TERM", "INT", "USR1", "HUP", "QUIT", "USR2", "XCPU"].map {
            Trial(launch: .alone, signal: $0, target: "$job")
        }
        guard MPIRun.isAvailable else { return alone }
        let fast = [
            Trial(launch: .ranks(2), signal: "USR1", target: "$job"),
            Trial(launch: .ranks(3), signal: "TERM", target: "$job"),
            Trial(launch: .ranks(3), signal: "TERM", target: "$(rank 2)"),
            Trial(launch: .ranks(2), signal: "HUP", target: "$(rank 1)"),
            Trial(launch: .ranks(2), signal: "INT", target: "$(rank 0)"),
        ]
        guard Torture.isOn else { return alone + fast }
        return alone
            + (1...4).flatMap { count in
                ["TERM", "INT", "USR1"].flatMap { signal in
                    (["$job"] + (0..<count).map { "$(rank \($0))" }).map {
                        Trial(launch: .ranks(count), signal: signal, target: $0)
                    }
                }
            }
    }()

    /// The possible exit codes of a stopped job; MPICH's launcher forwards the signal and
    /// occasionally exits with 0.
    private func stoppedCodes(_ launch: Launch) -> [Int32] {
        if case .ranks = launch, !MPIRun.isOpenMPI { return [75, 0] }
        return [75]
    }

    /// A training that outlasts any signal.
    private static let long = "--epochs 100000 --keep 2"

    /// Expects that the stopped training, resumed by its reported command, gives the result of an
    /// uninterrupted one.
    private func expectStopped(
        _ bench: Bench, _ job: SignaledJob, flags: String = Self.long,
        sourceLocation: SourceLocation = #_sourceLocation
    ) throws {
        let parts = try #require(job.parts, "\(job.outcome)", sourceLocation: sourceLocation)
        let metrics = try Metrics(bench.read("metrics.jsonl"))
        #expect(metrics.steps == Array(1...parts.step), "\(job.outcome)", sourceLocation: sourceLocation)
        let file = try Checkpoint(path: bench.path(String(parts.file)))
        #expect(file.metadata.progress?.step == parts.step, sourceLocation: sourceLocation)
        let left = try bench.names(in: "training_checkpoints").filter { !$0.hasSuffix(".safetensors") }
        #expect(left == [], sourceLocation: sourceLocation)
        let end = "--max-steps \(parts.step + 2)"
        let resumed = try MPIRun.shell("\(parts.command) \(end)", folder: bench.folder)
        #expect(resumed.status == 0, "\(resumed)", sourceLocation: sourceLocation)
        try bench.train("\(flags) \(end) --checkpoint-dir whole --quiet")
        let last = try #require(try bench.names(in: "whole").max { name($0) < name($1) })
        #expect(
            try bench.read("training_checkpoints/\(last)") == bench.read("whole/\(last)"), "\(job.outcome)",
            sourceLocation: sourceLocation)
        #expect(
            try Metrics(bench.read("metrics.jsonl")).steps == Array(1...parts.step + 2), sourceLocation: sourceLocation)
    }

    private func name(_ file: String) -> CheckpointName { CheckpointName(file) ?? CheckpointName(TrainingProgress()) }

    @Test(arguments: trials)
    func aSignalStopsAllRanksSavesAndPrintsTheResumeCommand(_ trial: Trial) throws {
        for step in Torture.isOn ? [1, 14, 40] : [5] {
            let bench = try Bench()
            // A launcher that is ending stops reading, so the output of many short epochs would
            // fill its pipe.
            try bench.write(String(repeating: Bench.text, count: 20), to: "text.txt")
            let script = "steps \(step); kill -\(trial.signal) \(trial.target)"
            // Open MPI's launcher gives the ranks a second to save, which is too short on a busy
            // machine.
            let pause = trial.launcherEnds && MPIRun.isOpenMPI ? ["OMPI_MCA_odls_base_sigkill_timeout": "5"] : [:]
            let job = try SignaledJob(bench, Self.long, on: trial.launch, environment: pause, script: script)
            let codes = trial.target == "$job" ? stoppedCodes(trial.launch) : [75]
            #expect(
                trial.launcherEnds ? job.outcome.status != 0 : codes.contains(job.outcome.status), "\(job.outcome)")
            let cause = try #require(job.parts?.cause, "\(job.outcome)")
            // The launcher converts SIGINT to SIGTERM.
            #expect(cause.hasPrefix(trial.launcherEnds ? "SIGTERM" : "SIG\(trial.signal)"), "\(job.outcome)")
            // With a single rank, the report doesn't name it.
            if let rank = trial.target.firstMatch(of: /\d/), trial.launch.description != Launch.ranks(1).description {
                #expect(cause.contains(" on rank \(rank.output) ("), "\(job.outcome)")
            }
            if trial.target == "$job" { expectStopNotice(job, signal: trial.launcherEnds ? "TERM" : trial.signal) }
            try expectStopped(bench, job)
        }
    }

    /// Expects one line from rank 0 at the signal and one at the end.
    private func expectStopNotice(
        _ job: SignaledJob, signal: String, sourceLocation: SourceLocation = #_sourceLocation
    ) {
        let lines = job.outcome.stderr.split(separator: "\n").filter { $0.contains("stopping after this step") }
        let notice = "stopping after this step and saving"
        #expect(
            ["INT", "QUIT"].contains(signal)
                ? lines == ["\(notice); press Ctrl-C again to quit without saving"]
                : lines == ["SIG\(signal): \(notice)"],
            "\(job.outcome)", sourceLocation: sourceLocation)
        #expect(
            (job.outcome.stdout + job.outcome.stderr).components(separatedBy: "saved ").count == 2, "\(job.outcome)",
            sourceLocation: sourceLocation)
    }

    /// The training runs under `nohup`.
    @Test func anIgnoredHangUpStaysIgnored() throws {
        let bench = try Bench()
        let job = try SignaledJob(
            bench, Self.long, on: .alone, before: "trap '' HUP",
            script: "steps 3; kill -HUP $job; steps 20; kill -USR1 $job")
        #expect(job.outcome.status == 75, "\(job.outcome)")
        #expect(job.parts?.cause == "SIGUSR1" && job.parts.map { $0.step >= 20 } == true, "\(job.outcome)")
    }

    /// SIGXCPU comes from the kernel.
    @Test func theCPUTimeLimitSavesACheckpoint() throws {
        let bench = try Bench()
        let job = try SignaledJob(bench, Self.long, on: .alone, before: "ulimit -S -t 2", script: "")
        #expect(job.outcome.status == 75, "\(job.outcome)")
        #expect(job.parts?.cause == "SIGXCPU", "\(job.outcome)")
    }

    /// Without a handler, SIGXFSZ would end the process.
    @Test func exceedingTheFileSizeLimitIsReported() throws {
        let bench = try Bench()
        let outcome = try MPIRun.shell(
            "ulimit -f 1; '\(MPIRun.find("dtrain"))' \(Bench.train("--epochs 1 --quiet"))", folder: bench.folder)
        #expect(outcome.status == 74, "\(outcome)")
        #expect(outcome.stderr.contains("error: the last checkpoint is not saved: cannot write "), "\(outcome)")
    }

    /// Both lines start in the first column, even after a progress bar, which appears after 0.1 s
    /// of training.
    @Test(.enabled(if: MPIRun.hasTerminal, "script (util-linux) isn't installed"), arguments: Launch.each)
    func messagesStartOnTheirOwnLines(launch: Launch) throws {
        let bench = try Bench()
        try bench.write(String(repeating: Bench.text, count: 20), to: "text.txt")
        let line = Bench.train("--epochs 1000 --rnn-units 128 --metrics metrics.jsonl")
        let launcher =
            if case .ranks(let count) = launch { "\(MPIRun.command.joined(separator: " ")) -np \(count) " } else { "" }
        let outcome = try MPIRun.onTerminal(
            "\(launcher)'\(MPIRun.find("dtrain"))' \(line) & job=$!; "
                + "until [ -s metrics.jsonl ]; do sleep 0.02; done; sleep 1; kill -USR1 $job; wait $job",
            folder: bench.folder)
        #expect(outcome.stdout.contains("ETA"), "\(outcome)")
        let shown = outcome.stdout.components(separatedBy: "\u{1B}[K").joined(separator: "\n")
        let lines = shown.split(whereSeparator: \.isNewline)
        #expect(lines.contains("SIGUSR1: stopping after this step and saving"), "\(outcome)")
        #expect(lines.contains { $0.hasPrefix("stopped by SIGUSR1") }, "\(outcome)")
    }

    @Test(arguments: Launch.each)
    func aRepeatedSignalCausesOneStop(launch: Launch) throws {
        let bench = try Bench()
        let job = try SignaledJob(
            bench, Self.long, on: launch, script: "steps 5; kill -USR1 $job; sleep 0.01; kill -USR1 $job")
        #expect(stoppedCodes(launch).contains(job.outcome.status), "\(job.outcome)")
        try expectStopped(bench, job)
    }

    /// With a save after every step, half of the signals arrive during a save.
    @Test(arguments: Launch.each)
    func aSignalDuringASaveStopsTheTraining(launch: Launch) throws {
        for trial in 0..<Torture.count(fast: 2, full: 20) {
            let bench = try Bench()
            let flags = "\(Self.long) --checkpoint-every-steps 1"
            // Torture runs also signal single ranks, with any signal.
            let signal = Torture.isOn ? ["USR1", "TERM", "INT"][trial % 3] : "USR1"
            let target = if Torture.isOn, case .ranks = launch { "$(rank \(trial % 2))" } else { "$job" }
            let job = try SignaledJob(
                bench, flags, on: launch,
                script: "steps 3; target=\(target); sleep 0.0\(trial % 10); kill -\(signal) $target")
            #expect(stoppedCodes(launch).contains(job.outcome.status), "\(job.outcome)")
            try expectStopped(bench, job, flags: flags)
        }
    }

    /// Most of the time goes into measurements of the held-out loss.
    @Test(arguments: Launch.each)
    func aSignalDuringAMeasurementStopsTheTraining(launch: Launch) throws {
        for trial in 0..<Torture.count(fast: 2, full: 20) {
            let bench = try Bench()
            try bench.write(String(repeating: Bench.text, count: 20), to: "text.txt")
            let flags = "\(Self.long) --validation-split 0.9 --validate-every-steps 1"
            let job = try SignaledJob(
                bench, flags, on: launch, script: "steps 3; sleep 0.0\(trial % 10); kill -USR1 $job")
            #expect(stoppedCodes(launch).contains(job.outcome.status), "\(job.outcome)")
            let parts = try #require(job.parts, "\(job.outcome)")
            // Every step is followed by a measurement, which no stop waits for.
            let progress = try Checkpoint(path: bench.path(String(parts.file))).metadata.progress
            #expect(progress?.validation?.pendingStep == parts.step, "\(job.outcome)")
            try expectStopped(bench, job, flags: flags)
        }
    }

    /// The signal arrives at any moment after the handlers are installed.
    @Test(arguments: Launch.each)
    func aSignalDuringStartUpLosesNothing(launch: Launch) throws {
        let process = if case .alone = launch { "$job" } else { "$(rank 1)" }
        for trial in 0..<Torture.count(fast: 2, full: 20) {
            let bench = try Bench()
            try bench.train("--max-steps 3 --metrics metrics.jsonl")
            let script =
                "target=; until [ \"$target\" ]; do target=\(process); done; wait_handler $target; "
                + "sleep 0.0\(trial % 10); kill -TERM $target"
            let job = try SignaledJob(bench, "\(Self.long) --resume", on: launch, script: script)
            #expect(job.outcome.status == 75, "\(job.outcome)")
            let report = try #require(job.report, "\(job.outcome)")
            if report.contains("before the first step, nothing is lost; start again with: ") {
                #expect(try bench.names(in: "training_checkpoints") == ["ckpt_1_3.safetensors"])
                #expect(try Metrics(bench.read("metrics.jsonl")).steps == [1, 2, 3])
            } else {
                try expectStopped(bench, job)
            }
        }
    }

    /// After the first interrupt the process stays blocked, writing to a full pipe.
    @Test func aSecondInterruptEndsTheProcessAtOnce() throws {
        let bench = try Bench()
        try #require(mkfifo(bench.path("full"), 0o600) == 0)
        let job = try SignaledJob(
            bench, ">full", on: .alone,
            before: "exec 5<>full; dd if=/dev/zero of=full oflag=nonblock bs=4096 2>/dev/null",
            script:
                "until [ -d training_checkpoints ]; do sleep 0.01; done; wait_handler $job; "
                + "kill -INT $job; wait_delivered $job; is_alive $job && echo alive; kill -INT $job")
        #expect(job.outcome.status == 128 + SIGINT, "\(job.outcome)")
        #expect(job.outcome.stdout == "alive\n", "\(job.outcome)")
        #expect(
            job.outcome.stderr == "\(StopSignals.stopNotice)\nnot saved\n", "\(job.outcome)")
        #expect(try bench.names(in: "training_checkpoints").isEmpty)
    }

    /// The first interrupt ends the wait for a pipe's reader.
    @Test func theFirstInterruptEndsTheWaitForAReader() throws {
        let bench = try Bench()
        try #require(mkfifo(bench.path("pipe"), 0o600) == 0)
        let job = try SignaledJob(
            bench, "--metrics pipe", on: .alone,
            script: "until [ -d training_checkpoints ]; do sleep 0.01; done; kill -INT $job")
        #expect(job.outcome.status == 75, "\(job.outcome)")
        #expect(
            job.outcome.stderr.contains("error: stopped while pipe 'pipe' of --metrics had no reader"), "\(job.outcome)"
        )
    }

    @Test func theResumeCommandIsQuotedForTheShell() throws {
        let bench = try Bench()
        try bench.train("--max-steps 2 --checkpoint-dir first")
        let job = try SignaledJob(
            bench,
            "--resume-from first/ckpt_1_2.safetensors --epochs 100000 --overwrite --checkpoint-dir 'the \"run\"'",
            on: .alone, script: "steps 5; kill -TERM $job")
        #expect(job.outcome.status == 75, "\(job.outcome)")
        let line = try #require(job.report?.split(separator: "resume with: ").last)
        #expect(line.hasSuffix("--epochs 100000 --checkpoint-dir 'the \"run\"' --resume"), "\(line)")
        let resumed = try MPIRun.shell("\(line) --max-steps 3", folder: bench.folder)
        #expect(resumed.stderr.contains("resumed from 'the \"run\"/ckpt_"), "\(resumed)")
    }

    /// Any two signals, to one rank or two, cause one stop.
    @Test(arguments: ["TERM", "INT", "USR1"], ["TERM", "INT", "USR1"])
    func twoSignalsCauseOneStop(first: String, second: String) throws {
        let isFast = first != "INT" && first != second
        guard MPIRun.isAvailable, Torture.isOn || isFast else { return }
        for targets in [("$(rank 2)", "$(rank 2)"), ("$(rank 0)", "$(rank 2)")] {
            // A second SIGINT to the same rank ends the job at once, which is tested separately.
            if first == "INT", second == "INT", targets.0 == targets.1 { continue }
            let bench = try Bench()
            let job = try SignaledJob(
                bench, Self.long, on: .ranks(3),
                script:
                    "a=; b=; until [ $a ] && [ $b ]; do a=\(targets.0); b=\(targets.1); done; steps 5; "
                    + "kill -\(first) $a; kill -\(second) $b")
            #expect(job.outcome.status == 75, "\(job.outcome)")
            try expectStopped(bench, job)
            if !Torture.isOn { break }
        }
    }

    /// The other ranks wait for a suspended rank, so the first SIGINT has no effect.
    @Test func aSecondInterruptToARankEndsTheJobAtOnce() throws {
        guard MPIRun.isAvailable else { return }
        let bench = try Bench()
        let job = try SignaledJob(
            bench, Self.long, on: .ranks(3),
            script:
                "a=; b=; until [ $a ] && [ $b ]; do a=$(rank 1); b=$(rank 2); done; steps 5; kill -STOP $a; "
                + "kill -INT $b; wait_delivered $b; is_alive $b && echo alive; kill -INT $b")
        // The launcher forwards rank 0's output before or after this line.
        #expect(job.outcome.stdout.split(separator: "\n").contains("alive"), "\(job.outcome)")
        #expect(job.outcome.status == 128 + SIGINT, "\(job.outcome)")
        #expect(job.outcome.stderr.contains("error: rank 2 ("), "\(job.outcome)")
        #expect(job.outcome.stderr.contains(" was lost: killed or crashed"), "\(job.outcome)")
    }
}
