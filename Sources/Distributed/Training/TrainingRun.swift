import DTrainCore
import Glibc

/// The run of a planned training on all ranks.
///
/// Every method is collective; all ranks call it with the same plan.
package final class TrainingRun {
    private let plan: TrainingPlan
    private let options: TrainingOptions
    private let perStep: StepSettings
    private let communicator: any Communicator
    private let agreement: ReplicaAgreement
    private let report: (TrainingEvent) -> Void
    private let dataset: SequenceDataset
    let trainer: Trainer
    private let ranks: JobRanks
    private let saver: CheckpointSaver
    private let sample: EpochSample?
    private let openLog: OpenTrainingLog?
    private let stopSignal: () -> Int32
    private var progress: TrainingProgress
    /// Opened once the run has begun.
    private var logs = TrainingLogs()
    /// The stop request, set on all ranks after the same step or before the same held-out batch.
    private var stop: StopRequest?
    /// The last checkpoint that this process saved.
    private var lastSaved: String?

    /// Ends a measurement of the held-out loss, on all ranks before the same batch.
    private struct Interruption: Error {}

    /// Creates the model and gives all ranks the same weights; collective, changes no file.
    ///
    /// - Parameters:
    ///   - plan: the training's plan.
    ///   - openLog: opens a log beside the metrics.
    ///   - stopSignal: returns the stop signal that this rank received, 0 for none; called at the
    ///     start, once per step and before each batch of held-out text.
    ///   - report: called on rank 0 with each event.
    /// - Throws: `CollectiveError` when memory or threads run out on a rank.
    package init(
        _ plan: TrainingPlan, openLog: OpenTrainingLog? = nil,
        stopSignal: @escaping () -> Int32 = { StopSignals.received }, report: @escaping (TrainingEvent) -> Void
    ) throws {
        let communicator = plan.communicator
        let agreement = ReplicaAgreement(communicator)
        ranks = JobRanks(
            communicator, mode: plan.options[.gradientSummation], compression: plan.options[.gradientCompression],
            stopSignal: stopSignal)
        trainer = try plan.makeTrainer(ranks)
        try plan.start.fill(trainer.replica, seed: plan.options[.seed], communicator: communicator)
        if plan.options[.stateful] {
            let states = try plan.start.states(batchSize: plan.options[.batchSize], communicator: communicator)
            try trainer.scatter(states)
        }
        saver = try CheckpointSaver(
            plan.options, replica: trainer.replica, corpus: plan.data.corpus,
            validationChecksum: plan.data.validationChecksum,
            horizon: plan.options.settings.hasHorizon ? plan.horizon : nil, agreement: agreement,
            communicator: communicator)
        let threads = trainer.threads
        sample = try agreement.collectively {
            try plan.options[.sample].map {
                try EpochSample($0, plan.data.corpus.vocabulary, seed: plan.options[.seed], threads: threads)
            }
        }
        (self.plan, options, dataset) = (plan, plan.options, plan.data.dataset)
        perStep = StepSettings(plan)
        (self.communicator, self.agreement) = (communicator, agreement)
        (self.openLog, self.stopSignal, self.report) = (openLog, stopSignal, report)
        progress = plan.start.summary.progress
        if plan.data.heldOut == nil {
            progress.validation = nil
        } else if progress.validation == nil {
            progress.validation = ValidationProgress()
        }
        plan.start.close()
    }

    /// Trains to the last epoch or step, or until a rank receives a stop signal; collective, called
    /// once.
    ///
    /// - Returns: whether the training is complete.
    @discardableResult
    package func run() throws -> Bool {
        try begin()
        do {
            while !isComplete, stop == nil {
                if progress.step > 0 { reportEpochStart() }
                try runEpoch()
            }
            try finishSaving()
        } catch {
            saver.settle(after: error, report: notify)
            // After an error of this rank alone, the other ranks wait for it.
            if error is CollectiveError { finishLogs() }
            throw error
        }
        StopSignals.settle()
        guard let stop, !isComplete else {
            try agreement.collectively { try logs.finish(report: notify) }
            return true
        }
        // The steps of a missing end are repeated on resume, so this doesn't change the exit code.
        finishLogs()
        let names = try communicator.allGather(communicator.name)
        notify(
            .stopped(
                StopReport(
                    signal: stop.signal, isFromLauncher: stop.rank == communicator.rank && StopSignals.isFromLauncher,
                    rank: names.count > 1 ? names[stop.rank] : nil, step: progress.step, path: lastSaved)))
        return false
    }

    private func finishSaving() throws {
        let isStopped = stop != nil && !isComplete
        try saver.finish { event in
            // The stop report names the file.
            if isStopped, case .saved = event { return }
            notify(event)
        }
    }

    private func finishLogs() {
        do { try logs.finish(report: notify) } catch { notify(.warning("\(error)")) }
    }

    /// Opens the files, and deletes an earlier training's files if the options say so.
    ///
    /// A stop signal before the first step leaves every file unchanged.
    private func begin() throws {
        stop = StopRequest(signals: try communicator.allGather(UInt32(truncatingIfNeeded: stopSignal())))
        if stop == nil { try openFiles() }
        plan.data.announce(
            plan.start.summary, options, ranks: communicator.size, arithmetic: plan.arithmetic, report: notify)
        if let notice = plan.scheduleNotice { notify(.notice(notice)) }
        try record(.ready(plan.overview(trainer)))
    }

    private func openFiles() throws {
        let start = plan.start.summary
        try saver.open(plan.start.lock) { try plan.start.requireUnchanged(options) }
        logs = try agreement.collectively {
            guard communicator.isRoot else { return TrainingLogs() }
            let predecessor = plan.start.predecessor(options)
            return try TrainingLogs(
                [openMetrics(after: predecessor), openLog?(options, predecessor)].compactMap(\.self))
        }
        saver.flushLogs = logs.flush
        saver.openBest(start, report: notify)
        try saver.removeEarlier(start)
    }

    private func openMetrics(after predecessor: EarlierMetrics.Predecessor) throws -> MetricsLog? {
        guard let path = options[.metrics] else { return nil }
        let metrics = try MetricsLog(
            path: path, data: plan.data.corpus.files, after: predecessor, stopSignal: stopSignal)
        if let remark = metrics.remark { notify(.warning(remark)) }
        return metrics
    }

    private var isComplete: Bool {
        hasStoppedEarly || !isMeasurementPending && (progress.epoch >= perStep.epochs || isFinished)
    }

    /// Whether the held-out loss after the last step is due, but a stop interrupted its measurement.
    private var isMeasurementPending: Bool {
        plan.data.heldOut != nil && progress.validation?.pendingStep != nil
    }

    private var hasStoppedEarly: Bool {
        guard let patience = perStep.earlyStopping, let validation = progress.validation else { return false }
        return validation.isExhausted(patience: patience)
    }

    /// Reports the first batch's loss beside that of a uniform guess, then the start of a first
    /// epoch.
    ///
    /// Called before the step is counted.
    private func reportFirstLoss(_ loss: Float) {
        let start = plan.start.summary
        guard progress.step == start.progress.step else { return }
        let uniform = log(Double(trainer.model.vocabularySize))
        if loss.isFinite {
            notify(
                start.path.map { .loadedLoss(loss, uniform: uniform, path: $0, isResumed: start.isResumed) }
                    ?? .untrainedLoss(loss, uniform: uniform))
        }
        if progress.step == 0 { reportEpochStart() }
    }

    private func reportEpochStart() { notify(.epochBegan(epoch: progress.epoch + 1, of: perStep.epochs)) }

    private var isFinished: Bool { perStep.maxSteps.map { progress.step >= $0 } ?? false }

    private func runEpoch() throws {
        let timer = EpochTimer(
            progress, stepsPerEpoch: dataset.stepsPerEpoch, tokens: options[.batchSize] * options[.sequenceLength])
        var last: StepReport?
        if isMeasurementPending, progress.stepInEpoch < dataset.stepsPerEpoch, try endStep(nil, timer) { return }
        for batch in dataset.batches(epoch: progress.epoch, from: progress.stepInEpoch) {
            let report = try step(batch, timer)
            last = report
            saver.reportOutcome(to: notify)
            if progress.stepInEpoch == dataset.stepsPerEpoch { break }
            if try endStep(report, timer) { return }
        }
        try endEpoch(last, timer)
    }

    /// Measures and saves what is due after a step inside an epoch.
    ///
    /// - Parameter report: the step's report; nil if an earlier process did the step.
    /// - Returns: whether the run ends after this step.
    private func endStep(_ report: StepReport?, _ timer: EpochTimer) throws -> Bool {
        let isMeasured = isMeasurementPending || isDue(perStep.validateEverySteps)
        let validation = isMeasured ? try validate(timer) : nil
        if let validation { try record(.validated(validation)) }
        let isBest = validation?.isBest ?? false
        // A resume may set fewer epochs.
        let isLast = isFinished || stop != nil || hasStoppedEarly || progress.epoch >= perStep.epochs
        if isLast, let report { notify(.stoppedInEpoch(report)) }
        // Without a report, the saved point still has the pending measurement.
        if isLast || report == nil || isDue(perStep.checkpointEverySteps) {
            try save(isBest ? .pointAndBest : .point)
        } else if isBest {
            try save(.best)
        } else if isDue(perStep.verifyReplicas) {
            try saver.requireSameReplica(progress, trainer.replica)
        }
        if isLast { reportEarlyStop() }
        return isLast
    }

    /// Returns whether the number of the last step is a multiple of `steps`.
    private func isDue(_ steps: Int?) -> Bool { steps.map { progress.step.isMultiple(of: $0) } ?? false }

    private func step(_ batch: Batch, _ timer: EpochTimer) throws -> StepReport {
        let start = Clock.seconds
        var gradient = try trainer.gradient(
            of: batch, dropout: perStep.dropout,
            scheduledSampling: options.settings.scheduledSampling(
                step: progress.step, stepsPerEpoch: dataset.stepsPerEpoch))
        let (loss, norm) = (gradient.loss, gradient.norm)
        reportFirstLoss(loss)
        if let limit = perStep.clipNorm { try gradient.clip(norm: limit) }
        if let limit = perStep.clipValue { try gradient.clip(value: limit) }
        let learningRate = perStep.schedule.rate(step: progress.step)
        try trainer.apply(gradient, learningRate: learningRate)
        stop = ranks.stopRequest
        progress.add(loss: loss)
        let end = Clock.seconds
        var profile = trainer.profile
        profile.other = max(0, end - start - profile.total)
        let report = timer.step(
            progress, loss: loss, gradientNorm: norm, learningRate: learningRate, from: start, to: end,
            profile: perStep.profile ? profile : nil, gradientBytes: perStep.profile ? trainer.gradientBytes : nil)
        try record(.step(report))
        return report
    }

    /// Measures, reports and saves at the end of an epoch.
    ///
    /// If a stop interrupts the measurement, the epoch remains unfinished.
    private func endEpoch(_ last: StepReport?, _ timer: EpochTimer) throws {
        let validation = try validate(timer)
        if isMeasurementPending {
            if let last { notify(.stoppedInEpoch(last)) }
            return try save(.point)
        }
        guard let loss = progress.endEpoch() else { return }
        var report = timer.epoch(progress.epoch, loss: loss)
        report.validation = validation
        if let validation = report.validation { progress.validation?.epochLosses.append(validation.loss) }
        try record(.epochEnded(report))
        try save(report.validation?.isBest ?? false ? .pointAndBest : .point)
        try recordSample()
        reportEarlyStop()
    }

    /// Reports the continuation of the `sample` text, if there is one.
    private func recordSample() throws {
        guard let sample else { return }
        try agreement.collectively {
            guard communicator.isRoot else { return }
            try record(.sampled(try sample.text(of: trainer.replica), epoch: progress.epoch))
        }
    }

    /// Measures the held-out loss.
    ///
    /// - Returns: nil if nothing is held out, or if a stop interrupts the measurement, which is
    ///   pending then.
    private func validate(_ timer: EpochTimer) throws -> ValidationReport? {
        guard let heldOut = plan.data.heldOut else { return nil }
        let (start, step) = (Clock.seconds, progress.step)
        let loss: Double
        do {
            loss = try trainer.loss(on: heldOut) {
                if stop == nil { stop = try ranks.pollStopRequest() }
                if stop != nil { throw Interruption() }
            }
        } catch is Interruption {
            progress.validation?.interrupt(step: step)
            return nil
        }
        guard loss.isFinite else {
            throw CollectiveError(
                DTrainError(
                    .badData, "the held-out loss after step \(step) is not a finite number",
                    hint: "lower `learning-rate` and continue from the last checkpoint with `resume`"))
        }
        let seconds = Clock.seconds - start
        timer.exclude(seconds)
        let isBest = progress.validation?.note(loss, step: step, minDelta: perStep.minDelta) ?? false
        return ValidationReport(
            step: step, epoch: progress.epoch + 1, loss: loss, isBest: isBest, seconds: seconds)
    }

    private func reportEarlyStop() {
        if hasStoppedEarly, let validation = progress.validation { notify(.stoppedEarly(validation)) }
    }

    private func save(_ target: CheckpointSaver.Target) throws {
        try communicator.heartbeat.enter(.save, step: progress.step)
        let path = try saver.save(
            progress, trainer.replica, trainer.gatherStates(), to: target, report: notify)
        if target != .best { lastSaved = path }
    }

    /// Writes an event to the logs and reports it.
    private func record(_ event: TrainingEvent) throws {
        try logs.record(event, report: notify)
        notify(event)
    }

    private func notify(_ event: TrainingEvent) {
        if communicator.isRoot { report(event) }
    }
}
