import DTrainCore
import DistributedTesting
import Foundation
import Testing

/// `dtrain scale`: real jobs with a small model, and failing launchers.
@Suite(.serialized, .timeLimit(.minutes(15)))
struct ScaleTests {
    private static let sizes =
        "--data text.txt --rnn-units 8 --embedding-dim 4 --batch-size 8 --micro-batch-size 4 --seq-length 10 --steps 2 "
        + "--warm-up 1 --repeats 1"

    private struct Experiment: Decodable {
        struct Measurement: Decodable {
            struct Plan: Decodable {
                let series: [String]
                let ranks: Int
                let batchSize: Int
            }
            struct Layout: Decodable {
                let ranks: Int
                let machines: Int
            }
            struct Run: Decodable {
                struct Step: Decodable {
                    let step: Int
                    let seconds: Double
                    let parts: [String: Double]
                }
                let command: String
                let steps: [Step]
            }
            let plan: Plan
            let layout: Layout
            let runs: [Run]
        }
        struct Check: Decodable {
            let ranks: Int
            let fittedTo: [Int]
            let error: Double
        }
        struct ThreadPoint: Decodable {
            struct Interval: Decodable {
                let median: Double
            }
            let threads: Int
            let seconds: Interval?
            let predictedSeconds: Double
        }
        struct Recommendation: Decodable {
            let sentence: String
        }
        let verdict: [String]
        let measurements: [Measurement]
        let checks: [Check]
        let threadCurve: [ThreadPoint]
        let recommendation: Recommendation
    }

    private func scale(_ bench: Bench, _ flags: String) throws -> MPIRun.Outcome {
        let line = Bench.replacing("--mpirun \(MPIRun.launcher) \(Self.sizes)", with: flags)
        return try MPIRun.run(
            executable: "dtrain", arguments: Bench.words("scale \(line)"),
            environment: ["DTRAIN_DATA": "", "XDG_CACHE_HOME": bench.folder], folder: bench.folder, seconds: 240)
    }

    private func experiment(_ bench: Bench) throws -> Experiment {
        let decoder = JSONDecoder()
        decoder.keyDecodingStrategy = .convertFromSnakeCase
        return try decoder.decode(Experiment.self, from: bench.read("out/experiment.json"))
    }

    /// Makes a launcher that prints its version or runs a line of shell.
    private func makeLauncher(_ bench: Bench, _ line: String) throws {
        let text = "#!/bin/sh\n[ \"$1\" = --version ] && echo 'mpirun (Open MPI) 9.9' && exit 0\n\(line)\n"
        try bench.write(text, to: "launcher")
        try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: bench.path("launcher"))
    }

    @Test(.enabled(if: MPIRun.isAvailable, "mpirun isn't installed"))
    func anExperimentIsMeasuredLabeledAndWritten() throws {
        let bench = try Bench()
        let outcome = try scale(bench, "--ranks 1,2 --output out -- --seed 7")
        try #require(outcome.status == 0, "\(outcome)")
        #expect(outcome.stdout.hasSuffix("out/report.html\n"), "\(outcome)")
        #expect(try bench.names(in: "out") == ["experiment.json", "report.html", "steps.csv", "summary.csv"])
        let experiment = try experiment(bench)
        #expect((1...3).contains(experiment.verdict.count) && experiment.verdict[0].contains(" fastest here: "))
        #expect(
            outcome.stdout.hasSuffix((experiment.verdict + ["out/report.html", ""]).joined(separator: "\n")),
            "\(outcome)")
        expectTimes(outcome, runs: experiment.measurements.flatMap(\.runs).count)
        let scaled = experiment.measurements.filter { $0.plan.ranks == 2 }
        #expect(Set(scaled.flatMap(\.plan.series)) == ["strong", "weak", "latency", "exchange"])
        #expect(scaled.allSatisfy { $0.layout.ranks == 2 && $0.layout.machines == 1 })
        #expect(scaled.first { $0.plan.series == ["weak"] }?.plan.batchSize == 16)
        for run in experiment.measurements.flatMap(\.runs) {
            #expect(run.steps.map(\.step) == [2, 3])
            #expect(run.command.contains("--seed 7"))
            for step in run.steps {
                let parts = step.parts.filter { $0.key != "hidden_exchange" }.values.reduce(0, +)
                #expect(abs(parts - step.seconds) <= 1e-6 + 0.01 * step.seconds)
            }
        }
        #expect(experiment.checks.map(\.ranks) == [2, 2] && experiment.checks.allSatisfy { $0.fittedTo == [1] })
        #expect(experiment.checks.allSatisfy { $0.error.isFinite })
        let steps = String(decoding: try bench.read("out/steps.csv"), as: UTF8.self)
        #expect(steps.contains("\"2 ranks that share one machine, "))
        let report = String(decoding: try bench.read("out/report.html"), as: UTF8.self)
        #expect(report.contains("share one machine") && report.contains("assumed"))
        expectRejected(try scale(bench, "--output out"), 64, "out", "--overwrite")
        if Browser.path != nil { try expectReadable(bench) }
    }

    /// Expects the estimated time before the first run, and the remaining time after each run but
    /// the last.
    private func expectTimes(_ outcome: MPIRun.Outcome, runs: Int) {
        let lines = outcome.stderr.split(separator: "\n")
        #expect(lines.first?.wholeMatch(of: /about \d+ (?:second|minute)s?: (\d+) runs/)?.1 == "\(runs)", "\(outcome)")
        for (index, line) in lines.dropFirst().enumerated() {
            let rest = index + 1 < runs ? /, about \d+ (?:second|minute)s? left/ : /ms per step/
            #expect(line.hasPrefix("run \(index + 1) of \(runs), ") && line.firstMatch(of: rest) != nil, "\(line)")
            #expect(line.hasSuffix(" left") == (index + 1 < runs), "\(line)")
        }
        #expect(lines.count == runs + 1)
    }

    /// Expects a readable report at phone, tablet and desktop widths, with the text of real runs.
    private func expectReadable(_ bench: Bench) throws {
        for width in [375, 800, 1280] {
            let layout = try ReportLayout(URL(fileURLWithPath: bench.path("out")), width: width)
            #expect(layout.width == width && layout.charts > 0)
            #expect(layout.fits && layout.out == 0 && layout.overlaps == 0 && layout.smallest >= 5, "\(layout)")
        }
    }

    /// With two or more blocks, the first one's exchange overlaps computation on rank 0.
    @Test(.enabled(if: MPIRun.isAvailable, "mpirun isn't installed"))
    func theHiddenExchangeIsMeasured() throws {
        let bench = try Bench()
        let outcome = try scale(bench, "--ranks 2 --mode strong --rnn-units 512 --output out")
        try #require(outcome.status == 0, "\(outcome)")
        let steps = try experiment(bench).measurements.filter { $0.plan.series == ["strong"] }.flatMap(\.runs)
            .flatMap(\.steps)
        let hidden = try steps.map { try #require($0.parts["hidden_exchange"]) }
        #expect(hidden.contains { $0 > 0 }, "\(hidden)")
    }

    @Test func tooFewSlotsAreReported() throws {
        let bench = try Bench()
        try makeLauncher(bench, "echo There are not enough slots available in the system; exit 1")
        let outcome = try scale(bench, "--ranks 2 --mpirun ./launcher --output out")
        #expect(outcome.status == 64, "\(outcome)")
        #expect(outcome.stderr.contains("error: mpirun can't place 2 ranks: raise slots="), "\(outcome)")
        // No files remain that would block the next attempt.
        #expect(!bench.exists("out"))
    }

    @Test func aFailingRunIsReportedWithItsCommandAndError() throws {
        let bench = try Bench()
        try makeLauncher(bench, "echo node7 is on fire; exit 1")
        let outcome = try scale(bench, "--ranks 2 --mpirun ./launcher --output out")
        #expect(outcome.status == 70, "\(outcome)")
        let error = outcome.stderr.split(separator: "\n").last ?? ""
        #expect(error.hasPrefix("error: node7 is on fire; './launcher "), "\(outcome)")
        #expect(error.contains("-np 2") && error.hasSuffix("ended with exit code 1"), "\(outcome)")
    }

    @Test func anErrorOfARunKeepsItsExitCode() throws {
        let bench = try Bench()
        try makeLauncher(bench, Self.plain)
        let outcome = try scale(bench, "--ranks 1 --mpirun ./launcher --output out -- --learning-rate 0")
        expectRejected(outcome, 64, "--learning-rate", "dtrain train --data text.txt", "ended with exit code 64")
        #expect(!bench.exists("out"))
    }

    /// The error quotes the launcher's message without its boilerplate.
    @Test func theLaunchersErrorIsQuoted() throws {
        let bench = try Bench()
        try makeLauncher(
            bench,
            """
            cat <<'TEXT'
            --------------------------------------------------------------------------
            ssh: Could not resolve hostname node9: Name or service not known
            ORTE was unable to reliably start one or more daemons.
            --------------------------------------------------------------------------
            An internal error has occurred in ORTE:
            [[1,0],0] FORCE-TERMINATE AT (null):1 - error file.c(352)
            This is something that should be reported to the developers.
            TEXT
            exit 1
            """)
        let outcome = try scale(bench, "--ranks 2 --mpirun ./launcher --output out")
        expectRejected(
            outcome, 70,
            "error: ssh: Could not resolve hostname node9: Name or service not known ORTE was unable to reliably start one or "
                + "more daemons.; check that 'ssh ")
        #expect(!outcome.stderr.contains("developers"), "\(outcome)")
    }

    @Test(arguments: ["--hostfile hosts", "--mpirun-args=--hostfile\u{A0}hosts"])
    func hostFilesAreCheckedBeforeTheRuns(flags: String) throws {
        let bench = try Bench()
        try makeLauncher(bench, "exit 1")
        func start() throws -> MPIRun.Outcome {
            let words = Bench.words("scale \(Self.sizes) --ranks 1 --mpirun ./launcher --output out \(flags)")
            return try bench.run("", words.map { $0.replacing("\u{A0}", with: " ") })
        }
        expectRejected(try start(), 66, "host file 'hosts'")
        try bench.write("localhost slots=2\r\n", to: "hosts")
        expectRejected(try start(), 65, "host file 'hosts' has Windows line endings", "sed -i 's/\\r$//' 'hosts'")
        try bench.write("# none\n\n", to: "hosts")
        expectRejected(try start(), 65, "host file 'hosts' names no host")
        #expect(!bench.exists("out"))
        // The fix suggested by the second error.
        try bench.write("localhost slots=2\r\n", to: "hosts")
        #expect(try MPIRun.shell("sed -i 's/\\r$//' 'hosts'", folder: bench.folder).status == 0)
        expectRejected(try start(), 70, "it printed nothing")
    }

    /// The shell line of a launcher without MPI that starts one process.
    private static let plain = "while [ \"$1\" != -np ]; do shift; done; shift 2; exec \"$@\""

    /// The thread curve, its prediction and the recommendation are in the page, the JSON file and
    /// the output.
    @Test func threadCountsAreMeasuredPredictedAndRecommended() throws {
        let bench = try Bench()
        try makeLauncher(bench, Self.plain)
        let threads = Array(1...min(2, ProcessorSet.defaultThreads))
        let list = threads.map(String.init).joined(separator: ",")
        let outcome = try scale(bench, "--ranks 1 --mpirun ./launcher --base-threads \(list) --output out")
        try #require(outcome.status == 0, "\(outcome)")
        let experiment = try experiment(bench)
        let bases = experiment.measurements.filter { $0.plan.series == ["base"] }.flatMap(\.runs).map(\.command)
        #expect(bases.count == threads.count)
        for (command, count) in zip(bases, threads) { #expect(command.contains("--threads \(count) "), "\(command)") }
        #expect(experiment.threadCurve.filter { $0.seconds != nil }.map(\.threads) == threads)
        #expect(experiment.threadCurve.allSatisfy { $0.predictedSeconds.isFinite && $0.predictedSeconds > 0 })
        #expect(experiment.threadCurve.last.map { $0.threads > threads.count } == true)
        let sentence = experiment.recommendation.sentence
        #expect(
            sentence.contains(
                /^1 process × \d threads? is (the simplest of the )?fastest here: [\d.,]+ (ms|µs|s) per step of 8 sequences/
            ))
        #expect(outcome.stdout.contains(sentence + "\n"), "\(outcome)")
        #expect(outcome.stdout.contains(#/\nbase +1 × 1 +[\d.,]+ +1\.00 +100 /#), "\(outcome)")
        let report = String(decoding: try bench.read("out/report.html"), as: UTF8.self)
        #expect(report.contains("Time of a step, by threads") && report.contains("fastest here: "))
        let summary = String(decoding: try bench.read("out/summary.csv"), as: UTF8.self)
        #expect(summary.contains(/\nbase-np1-t1-b8,.*,1\.0,1\.0\n/))
    }

    @Test(arguments: ["INT", "HUP"])
    func aSignalKeepsTheFinishedRunsForAResume(signal: String) throws {
        let bench = try Bench()
        try makeLauncher(bench, Self.plain)
        let flags = Bench.replacing(Self.sizes, with: "--ranks 1 --mpirun ./launcher --output out --repeats 2")
        let command = "'\(try MPIRun.find("dtrain"))' scale \(flags)"
        let stopped = try MPIRun.shell(
            "\(command) -- --seed 7 & until [ -e out/unfinished.json ]; do sleep 0.01; done; kill -\(signal) $!; wait $!",
            folder: bench.folder)
        #expect(stopped.status == 75, "\(stopped)")
        #expect(
            stopped.stdout.contains(/stopped after \d+ of \d+ runs/) && stopped.stdout.contains(#/\nbase +1 × 1 /#),
            "\(stopped)")
        #expect(
            try bench.names(in: "out")
                == ["experiment.json", "report.html", "steps.csv", "summary.csv", "unfinished.json"])
        let report = String(decoding: try bench.read("out/report.html"), as: UTF8.self)
        #expect(report.contains(/stopped after \d+ of \d+ runs/))
        // The next start suggests --resume; with other flags it refuses to resume.
        expectRejected(
            try MPIRun.shell("\(command) -- --seed 7", folder: bench.folder), 64, "add --resume", "--overwrite")
        expectRejected(
            try MPIRun.shell("\(command) --resume -- --seed 8", folder: bench.folder), 64, "--seed 7", "--seed 8")
        expectRejected(
            try MPIRun.shell("\(command) --resume --base-threads 1 -- --seed 7", folder: bench.folder), 64,
            "base threads: '', not '1'")
        let line = try #require(stopped.stderr.firstMatch(of: /runs; resume with: (.+)/), "\(stopped)")
        let resumed = try MPIRun.shell(String(line.1), folder: bench.folder)
        #expect(resumed.status == 0, "\(resumed)")
        #expect(!resumed.stderr.contains("run 1 of"), "\(resumed)")
        #expect(try bench.names(in: "out") == ["experiment.json", "report.html", "steps.csv", "summary.csv"])
        #expect(try experiment(bench).measurements.allSatisfy { $0.runs.count == 2 })
        let again = try MPIRun.shell(String(line.1), folder: bench.folder)
        #expect(again.status == 0 && again.stderr.contains("is finished"), "\(again)")
    }

    /// An experiment also keeps its finished runs if the launcher fails halfway.
    @Test func aFailureKeepsTheFinishedRunsForAResume() throws {
        let bench = try Bench()
        try makeLauncher(bench, "case \"$*\" in *describe-rank*) \(Self.plain);; *) echo no; exit 1;; esac")
        let failed = try scale(bench, "--ranks 1 --mpirun ./launcher --output out")
        #expect(failed.status == 70, "\(failed)")
        #expect(failed.stderr.contains(/\d+ of \d+ runs are kept: --resume continues/), "\(failed)")
        try makeLauncher(bench, Self.plain)
        let resumed = try scale(bench, "--ranks 1 --mpirun ./launcher --output out --resume")
        #expect(resumed.status == 0, "\(resumed)")
        #expect(!resumed.stderr.contains("run 1 of"), "\(resumed)")
    }

    @Test func aMissingLauncherIsNamed() throws {
        let bench = try Bench()
        let outcome = try scale(bench, "--mpirun ./nothing --output out")
        expectRejected(outcome, 66, "./nothing", "--mpirun")
        #expect(!bench.exists("out"))
    }

    @Test(arguments: [
        ("--base-threads 1,x", "1,2,4"), ("--base-threads 1,60000", "--base-threads 60000 is more than the processors"),
        ("--ranks 1,x", "1,2,4"), ("--ranks 2,2", "different"), ("--mode fast", "strong,weak"),
        ("--micro-batch-size 9", "lower it"), ("--steps 0", "--steps"),
        ("--allreduce mpi --gradient-compression bf16", "leave --gradient-compression out"),
        ("--resume --overwrite", "use one of them"),
        ("--ranks 1,60000", "ranks are possible; lower --ranks or --batch-size"),
    ])
    func invalidFlagsAreRejected(flags: String, part: String) throws {
        expectRejected(try scale(try Bench(), flags), 64, part)
    }

    @Test(arguments: [
        "--metrics x", "--threads 2", "--resume", "--init=x", "--allreduce mpi", "--recipe char-rnn", "--tensorboard x",
        "--sample x",
    ])
    func flagsThatScaleSetsAreRejectedAfterTheDashes(flag: String) throws {
        expectRejected(
            try scale(try Bench(), "-- \(flag)"), 64, String(flag.prefix { $0 != " " && $0 != "=" }), "leave it out")
    }
}
