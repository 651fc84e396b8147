import DTrainCore
import Glibc
import Scaling

/// Runs the configurations of an experiment sequentially, repeat by repeat.
final class ScaleRunner {
    private let launcher: Launcher
    private let output: OutputFolder
    private let trainFlags: [String]
    let choice: RunPlan.Choice
    private let sequenceLength: Int
    private let exchange: Workload.Exchange
    private let repeats: Int
    let steps: Int
    let warmUp: Int
    private let signals: ExperimentSignals
    /// The measurements so far, saved after each run.
    private(set) var progress: Progress
    /// The estimate of the runs' durations; nil before the trial.
    var estimate: TimeEstimate?
    /// The longest time in seconds of a launch of `describe-rank`.
    private(set) var launchSeconds = 0.0

    /// The flags of a tiny model, which replaces the user's to measure latency.
    private static let tinyModel = [
        "--layers": 1, "--rnn-units": 8, "--embedding-dim": 4, "--seq-length": tinySequence,
    ]
    private static let tinySequence = 10

    init(
        launcher: Launcher, output: OutputFolder, trainFlags: [String], choice: RunPlan.Choice, sequenceLength: Int,
        exchange: Workload.Exchange, repeats: Int, steps: Int, warmUp: Int, signals: ExperimentSignals,
        progress: Progress
    ) {
        (self.exchange, self.signals, self.progress) = (exchange, signals, progress)
        (self.launcher, self.output, self.trainFlags, self.choice) = (launcher, output, trainFlags, choice)
        (self.sequenceLength, self.repeats, self.steps, self.warmUp) = (sequenceLength, repeats, steps, warmUp)
    }

    /// The number of runs of the experiment.
    var runCount: Int { plans.count * repeats }

    var plans: [RunPlan] { RunPlan.all(choice) }

    /// Runs all missing runs.
    ///
    /// - Returns: true when all runs are complete; false after a signal.
    /// - Throws: `DTrainError` with the command of the first run that fails.
    func measure() throws -> Bool {
        let plans = plans
        for plan in plans where progress.layout(plan) == nil {
            guard let layout = try layout(plan) else { return false }
            progress.places.append(Progress.Place(plan: plan, layout: layout))
        }
        var left = missing
        guard try left.isEmpty || announce(left.map(\.plan)) else { return false }
        while let (plan, repetition) = left.first {
            guard let run = try run(plan, repetition) else { return false }
            left.removeFirst()
            progress.runs.append(run)
            try progress.write(to: output.path)
            report(run, left: left.map(\.plan))
        }
        return true
    }

    /// The missing runs, in order.
    private var missing: [(plan: RunPlan, repetition: Int)] {
        (1...repeats).flatMap { repetition in
            RunPlan.order(plans, repeat: repetition - 1).filter { !progress.holds($0, repetition: repetition) }
                .map { (plan: $0, repetition: repetition) }
        }
    }

    /// The measurements by configuration.
    var measurements: [Measurement] {
        plans.compactMap { plan in
            let runs = progress.runs.filter { $0.plan == plan && $0.record.repetition <= repeats }
            guard let layout = progress.layout(plan), let bytes = runs.last?.gradientBytes else { return nil }
            let workload = Workload(
                batchSize: plan.batchSize, microBatchSize: choice.microBatchSize,
                sequenceLength: plan.isIn(.latency) ? Self.tinySequence : sequenceLength, gradientBytes: bytes,
                exchange: exchange)
            return Measurement(plan: plan, layout: layout, workload: workload, runs: runs.map(\.record))
        }
    }

    /// Runs a command of a configuration; nil after a signal.
    private func finish(_ child: ChildProcess, _ plan: RunPlan) throws -> ChildProcess.Outcome? {
        let outcome = try child.run(output: output.log, signals: signals)
        if signals.first != nil { return nil }
        guard outcome.status == 0 else { throw launcher.failure(child, outcome, ranks: plan.ranks) }
        return outcome
    }

    /// Finds the placement of a configuration's ranks; nil after a signal.
    private func layout(_ plan: RunPlan) throws -> Layout? {
        let threads = plan.threads.map { ["--threads", "\($0)"] } ?? []
        let child = command(plan, ["describe-rank"] + threads)
        let start = Clock.seconds
        guard let outcome = try finish(child, plan) else { return nil }
        if plan.isLaunched { launchSeconds = max(launchSeconds, Clock.seconds - start) }
        let ranks = RankHost.all(in: outcome.output)
        guard ranks.count == plan.ranks, let layout = Layout(ranks) else {
            throw DTrainError(
                .internal,
                "\(ranks.count) of \(plan.ranks) ranks reported their host; install the same dtrain on every host, then check with '\(child.line)'"
            )
        }
        for rank in ranks where !progress.hosts.contains(where: { $0.boot == rank.boot && $0.network == rank.network })
        {
            progress.hosts.append(rank)
        }
        return layout
    }

    /// Runs a configuration; nil after a signal.
    private func run(_ plan: RunPlan, _ repetition: Int) throws -> Progress.Run? {
        guard let (metrics, command, peakMemory, seconds) = try start(plan, steps: warmUp + steps) else { return nil }
        let record = RunRecord(
            repetition: repetition, command: command, steps: metrics.steps.filter { $0.step > warmUp },
            peakMemory: peakMemory)
        return Progress.Run(plan: plan, record: record, gradientBytes: metrics.gradientBytes, seconds: seconds)
    }

    /// Trains a number of steps in a configuration; nil after a signal.
    func start(
        _ plan: RunPlan, steps: Int
    ) throws -> (metrics: MetricsReader, command: String, peakMemory: Int, seconds: Double)? {
        defer { output.removeRun() }
        let child = command(plan, train(plan, steps: steps))
        let start = Clock.seconds
        guard let outcome = try finish(child, plan) else { return nil }
        let seconds = Clock.seconds - start
        guard access(output.metrics, R_OK) == 0 else {
            throw DTrainError(
                .usage,
                "rank 0 of '\(child.line)' wrote no metrics on this machine; put this machine first in the host file")
        }
        let file = try MappedFile(path: output.metrics, kind: "metrics file")
        let text = withExtendedLifetime(file) { String(decoding: file.bytes, as: UTF8.self) }
        return (try MetricsReader(text, path: output.metrics), child.line, outcome.peakMemory, seconds)
    }

    private func train(_ plan: RunPlan, steps: Int) -> [String] {
        var arguments = ["train"] + trainFlags + ["--batch-size", "\(plan.batchSize)"]
        if plan.isIn(.latency) {
            arguments.removeFlags(Set(Self.tinyModel.keys))
            arguments += Self.tinyModel.sorted { $0.key < $1.key }.flatMap { [$0.key, "\($0.value)"] }
        }
        if let threads = plan.threads { arguments += ["--threads", "\(threads)"] }
        return arguments + [
            "--max-steps", "\(steps)", "--epochs", "\(steps)", "--keep", "1", "--overwrite", "--quiet", "--profile",
            "--checkpoint-dir", output.checkpoints, "--metrics", output.metrics,
        ]
    }

    private func command(_ plan: RunPlan, _ arguments: [String]) -> ChildProcess {
        let program = [Machine.program] + arguments
        return ChildProcess(command: plan.isLaunched ? launcher.command(ranks: plan.ranks, program) : program)
    }
}
