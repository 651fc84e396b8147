import DTrainCore
import Pages
import Scaling

extension ScaleRunner {
    /// Steps of the trial; the first one is slow, since it touches memory for the first time.
    private static let trialSteps = 2

    /// Prints the estimated duration of the experiment; false after a signal.
    ///
    /// Configurations without a finished run are estimated from a trial on one thread.
    func announce(_ left: [RunPlan]) throws -> Bool {
        let isMissing = plans.contains { plan in !progress.runs.contains { $0.plan == plan } }
        var trial = Trial(startSeconds: 0, launchSeconds: 0, secondsPerSequence: 0)
        if isMissing {
            guard let measured = try runTrial() else { return false }
            trial = measured
        }
        estimate = TimeEstimate(progress.places, trial: trial, steps: warmUp + steps)
        for run in progress.runs { estimate?.add(run.plan, seconds: run.seconds) }
        let runs =
            left.count == runCount ? "\(count(runCount, "run"))" : "\(left.count) of \(count(runCount, "run")) left"
        Console.notice("about \((estimate?.seconds(of: left) ?? 0).spoken): \(runs)")
        return true
    }

    /// Adds a finished run to the estimate and prints the remaining time.
    func report(_ run: Progress.Run, left: [RunPlan]) {
        estimate?.add(run.plan, seconds: run.seconds)
        let rest = left.isEmpty ? "" : ", about \((estimate?.seconds(of: left) ?? 0).spoken) left"
        let step = threeDigits(run.record.medianSeconds * 1000)
        Console.notice("run \(runCount - left.count) of \(runCount), \(run.plan.name): \(step) ms per step\(rest)")
    }

    /// Trains one micro-batch on one thread; nil after a signal.
    private func runTrial() throws -> Trial? {
        let plan = RunPlan.trial(sequences: choice.microBatchSize)
        guard let (metrics, _, _, seconds) = try start(plan, steps: Self.trialSteps) else { return nil }
        let step = metrics.steps.last?.seconds ?? 0
        return Trial(
            startSeconds: seconds - metrics.steps.reduce(0) { $0 + $1.seconds }, launchSeconds: launchSeconds,
            secondsPerSequence: step / Double(choice.microBatchSize))
    }
}
