import DTrainCore
import Glibc
import Scaling

/// Runs the configurations of an experiment, one after the other, round after round.
final class ScaleRunner {
    private let launcher: Launcher
    private let output: OutputFolder
    private let trainFlags: [String]
    private let choice: RunPlan.Choice
    private let sequenceLength: Int
    private let exchange: Workload.Exchange
    private let repeats: Int
    private let steps: Int
    private let warmUp: Int
    /// Each host, once.
    private(set) var hosts: [RankHost] = []

    private var layouts: [RunPlan: Layout] = [:]
    private var records: [RunPlan: [RunRecord]] = [:]
    private var gradientBytes: [RunPlan: Int] = [:]

    /// A model whose exchange moves next to nothing, in place of the user's.
    private static let tinyModel = [
        "--layers": 1, "--rnn-units": 8, "--embedding-dim": 4, "--seq-length": tinySequence,
    ]
    private static let tinySequence = 10

    init(
        launcher: Launcher, output: OutputFolder, trainFlags: [String], choice: RunPlan.Choice, sequenceLength: Int,
        exchange: Workload.Exchange, repeats: Int, steps: Int, warmUp: Int
    ) {
        self.exchange = exchange
        (self.launcher, self.output, self.trainFlags, self.choice) = (launcher, output, trainFlags, choice)
        (self.sequenceLength, self.repeats, self.steps, self.warmUp) = (sequenceLength, repeats, steps, warmUp)
    }

    /// Measures everything.
    ///
    /// - Throws: `DTrainError` at the first run that fails, with its command.
    func measure() throws -> [Measurement] {
        let plans = RunPlan.all(choice)
        for plan in plans { layouts[plan] = try layout(plan) }
        for repetition in 1...repeats {
            for (index, plan) in RunPlan.order(plans, repeat: repetition - 1).enumerated() {
                let record = try run(plan, repetition)
                records[plan, default: []].append(record)
                let number = (repetition - 1) * plans.count + index + 1
                Console.notice(
                    "[\(number)/\(repeats * plans.count)] \(plan.name): \((record.medianSeconds * 1000).fixed(2)) ms a step"
                )
            }
        }
        return plans.compactMap { plan in
            guard let layout = layouts[plan], let bytes = gradientBytes[plan] else { return nil }
            let workload = Workload(
                batchSize: plan.batchSize, microBatchSize: choice.microBatchSize,
                sequenceLength: plan.isIn(.latency) ? Self.tinySequence : sequenceLength, gradientBytes: bytes,
                exchange: exchange)
            return Measurement(plan: plan, layout: layout, workload: workload, runs: records[plan] ?? [])
        }
    }

    /// Asks the ranks of a configuration where they run.
    private func layout(_ plan: RunPlan) throws -> Layout {
        let threads = plan.threads.map { ["--threads", "\($0)"] } ?? []
        let child = command(plan, ["describe-rank"] + threads)
        let outcome = try child.run(output: output.log)
        guard outcome.status == 0 else { throw launcher.failure(child, outcome, ranks: plan.ranks) }
        let ranks = RankHost.all(in: outcome.output)
        guard ranks.count == plan.ranks, let layout = Layout(ranks) else {
            throw DTrainError(
                .internal,
                "\(ranks.count) of \(plan.ranks) ranks told where they run; every host needs the same dtrain: '\(child.line)'"
            )
        }
        for rank in ranks where !hosts.contains(where: { $0.boot == rank.boot && $0.network == rank.network }) {
            hosts.append(rank)
        }
        return layout
    }

    private func run(_ plan: RunPlan, _ repetition: Int) throws -> RunRecord {
        defer { output.removeRun() }
        let child = command(plan, train(plan))
        let outcome = try child.run(output: output.log)
        guard outcome.status == 0 else { throw launcher.failure(child, outcome, ranks: plan.ranks) }
        guard access(output.metrics, R_OK) == 0 else {
            throw DTrainError(
                .usage,
                "rank 0 of '\(child.line)' wrote no metrics on this machine; put this machine first in the host file")
        }
        let file = try MappedFile(path: output.metrics, kind: "metrics file")
        let text = withExtendedLifetime(file) { String(decoding: file.bytes, as: UTF8.self) }
        let metrics = try MetricsReader(text, path: output.metrics)
        gradientBytes[plan] = metrics.gradientBytes
        return RunRecord(
            repetition: repetition, command: child.line, steps: metrics.steps.filter { $0.step > warmUp },
            peakMemory: outcome.peakMemory)
    }

    private func train(_ plan: RunPlan) -> [String] {
        var arguments = ["train"] + trainFlags + ["--batch-size", "\(plan.batchSize)"]
        if plan.isIn(.latency) {
            arguments.removeFlags(Set(Self.tinyModel.keys))
            arguments += Self.tinyModel.sorted { $0.key < $1.key }.flatMap { [$0.key, "\($0.value)"] }
        }
        if let threads = plan.threads { arguments += ["--threads", "\(threads)"] }
        let all = "\(warmUp + steps)"
        return arguments + [
            "--max-steps", all, "--epochs", all, "--keep", "1", "--overwrite", "--quiet", "--profile",
            "--checkpoint-dir", output.checkpoints, "--metrics", output.metrics,
        ]
    }

    private func command(_ plan: RunPlan, _ arguments: [String]) -> ChildProcess {
        let program = [Machine.program] + arguments
        return ChildProcess(command: plan.isLaunched ? launcher.command(ranks: plan.ranks, program) : program)
    }
}
