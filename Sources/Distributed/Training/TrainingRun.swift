import DTrainCore
import Glibc

/// A planned training on all ranks: its memory, then its run.
///
/// Every method is collective: all ranks call it with the same plan.
public final class TrainingRun {
    private let plan: TrainingPlan
    private let options: TrainingOptions
    private let communicator: any Communicator
    private let agreement: ReplicaAgreement
    private let report: (TrainingEvent) -> Void
    private let dataset: SequenceDataset
    let replica: Replica
    private let synchronizer: GradientSynchronizer
    private let saver: CheckpointSaver
    private let stopSignal: () -> Int32
    private var progress: TrainingProgress
    /// On rank 0, once the run has begun.
    private var metrics: MetricsLog?
    /// Set when a rank was asked to stop, on all ranks after the same step.
    private var stop: StopRequest?
    /// The checkpoint that this process has saved last.
    private var lastSaved: String?

    /// Builds the model and gives all ranks the same weights; collective, changes no file.
    ///
    /// - Parameters:
    ///   - plan: what to train.
    ///   - stopSignal: the signal that has asked this rank to stop, 0 for none; asked at the start and once a step.
    ///   - report: gets, on rank 0, what happens.
    /// - Throws: `CollectiveError` when memory or threads run out on a rank.
    public init(
        _ plan: TrainingPlan, stopSignal: @escaping () -> Int32 = { StopSignals.received },
        report: @escaping (TrainingEvent) -> Void
    ) throws {
        let communicator = plan.communicator
        let agreement = ReplicaAgreement(communicator)
        try communicator.occupy(threads: plan.threads)
        let host = try communicator.shareMemory(byteCount: Replica.sharedBytes(plan.data.model))
        let replica = try agreement.collectively {
            try Replica(plan.replica, heartbeat: communicator.heartbeat, host: host)
        }
        try plan.start.fill(replica, seed: plan.options[.seed], communicator: communicator)
        synchronizer = try agreement.collectively {
            try GradientSynchronizer(
                communicator: communicator, tree: replica.tree, runs: plan.parts, blocks: replica.gradient.blocks,
                mode: plan.options[.gradientSummation], compression: plan.options[.gradientCompression])
        }
        saver = try CheckpointSaver(
            plan.options, layout: replica.layout, corpus: plan.data.corpus, agreement: agreement,
            communicator: communicator)
        (self.plan, options, dataset, self.replica) = (plan, plan.options, plan.data.dataset, replica)
        (self.communicator, self.agreement) = (communicator, agreement)
        (self.stopSignal, self.report) = (stopSignal, report)
        progress = plan.start.summary.progress
    }

    /// Trains to the last epoch or the last step, or until a rank is asked to stop; collective, once.
    ///
    /// - Returns: whether nothing is left to do.
    @discardableResult
    public func run() throws -> Bool {
        try begin()
        do {
            while !isComplete, stop == nil {
                if !isUntrained { tellEpoch() }
                try runEpoch()
            }
        } catch {
            saver.settle(after: error, report: tell)
            throw error
        }
        try saver.finish(report: tell)
        guard let stop, !isComplete else {
            try agreement.collectively { try metrics?.finish() }
            return true
        }
        // What is missing shows again when the training goes on: no reason for another exit code.
        do { try metrics?.finish() } catch { tell(.warning("\(error)")) }
        let names = try communicator.allGather(communicator.name)
        tell(
            .stopped(
                StopReport(
                    signal: stop.signal, rank: names.count > 1 ? names[stop.rank] : nil, step: progress.step,
                    path: lastSaved)))
        return false
    }

    /// Opens the files, and deletes what an earlier training has left where that is asked for.
    ///
    /// A training that is asked to stop before its first step leaves every file as it was.
    private func begin() throws {
        stop = StopRequest(notes: try communicator.allGather(UInt32(truncatingIfNeeded: stopSignal())))
        if stop == nil { try openFiles() }
        plan.data.announce(plan.start.summary, options, ranks: communicator.size, report: tell)
        tell(.ready(plan.overview(replica.layout)))
    }

    private func openFiles() throws {
        let start = plan.start.summary
        try saver.open()
        metrics = try agreement.collectively {
            guard communicator.isRoot, let path = options[.metrics] else { return nil }
            return try MetricsLog(path: path, data: options.data, resumedAt: start.isResumed ? start.progress : nil)
        }
        if let gap = metrics?.gap { tell(.warning(gap)) }
        saver.first = metrics?.flush
        try saver.removeEarlier(start)
    }

    private var isComplete: Bool { progress.epoch >= options[.epochs] || isFinished }

    private var isUntrained: Bool { plan.start.summary.model == nil && progress.step == 0 }

    private func tellEpoch() { tell(.epochBegan(epoch: progress.epoch + 1, of: options[.epochs])) }

    private var isFinished: Bool { options[.maxSteps].map { progress.step >= $0 } ?? false }

    private func runEpoch() throws {
        let order = dataset.order(epoch: progress.epoch)
        let timer = EpochTimer(
            progress, stepsPerEpoch: dataset.stepsPerEpoch, tokens: options[.batchSize] * options[.sequenceLength])
        while progress.stepInEpoch < dataset.stepsPerEpoch {
            let last = try step(order, timer)
            saver.tellOutcome(report: tell)
            if progress.stepInEpoch == dataset.stepsPerEpoch { break }
            let isLast = isFinished || stop != nil
            if isLast { tell(.stoppedInEpoch(last)) }
            if isLast || isDue(options[.checkpointEverySteps]) {
                try save()
            } else if isDue(options[.verifyReplicas]) {
                try saver.requireSameReplica(progress, replica)
            }
            if isLast { return }
        }
        try endEpoch(timer)
    }

    /// Whether the step just done is one of every so many.
    private func isDue(_ steps: Int?) -> Bool { steps.map { progress.step.isMultiple(of: $0) } ?? false }

    private func step(_ order: Permutation, _ timer: EpochTimer) throws -> StepReport {
        let start = Clock.seconds
        let heartbeat = communicator.heartbeat
        try heartbeat.enter(.forward, step: progress.step + 1)
        synchronizer.begin(nodes: replica.gradient.sums.pointer)
        try computeGradient(order, advance: synchronizer.advance)
        try heartbeat.enter(.exchange, step: progress.step + 1)
        var profile = try exchange()
        try heartbeat.enter(.update, step: progress.step + 1)
        let loss = replica.loss
        guard loss.isFinite else { throw try failure(loss, order) }
        if isUntrained {
            tell(.untrainedLoss(loss, blind: log(Double(replica.layout.configuration.vocabularySize))))
            tellEpoch()
        }
        let norm = try replica.applyGradient(clipNorm: options[.clipNorm])
        guard norm.isFinite else { throw try failure(loss, order) }
        profile += replica.profile
        progress.step += 1
        progress.stepInEpoch += 1
        progress.lossSum += Double(loss)
        let end = Clock.seconds
        profile.other = max(0, end - start - profile.total)
        let report = timer.step(
            progress, loss: loss, gradientNorm: norm, from: start, to: end, profile: options[.profile] ? profile : nil,
            gradientBytes: options[.profile] ? replica.gradient.blocks.count * MemoryLayout<Float>.stride : nil)
        try metrics?.write(report, tell)
        tell(.step(report))
        return report
    }

    /// Computes this rank's part of the gradient of the coming step.
    private func computeGradient(_ order: Permutation, advance: @escaping (Int) throws -> Void = { _ in }) throws {
        let (dataset, first) = (dataset, progress.stepInEpoch * options[.batchSize])
        try replica.computeGradient(
            { sequence, ids in dataset.read(window: order[first + sequence], into: ids) }, advance: advance)
    }

    /// Ends the adding up of the ranks' gradients; the seconds until the last rank is ready are told apart.
    ///
    /// A rank's wish to stop travels with them, so all ranks stop after the same step.
    private func exchange() throws -> StepProfile {
        synchronizer.note = UInt32(truncatingIfNeeded: stopSignal())
        try synchronizer.finish()
        stop = StopRequest(notes: synchronizer.notes)
        let times = synchronizer.times
        var profile = StepProfile()
        profile.wait = times.waiting
        profile.exchange = times.interleaved + times.finishing - times.waiting
        profile.hiddenExchange = times.hidden
        // What was done for the exchange between two products has been counted as theirs.
        profile.weightGradient = -times.interleaved
        return profile
    }

    private func endEpoch(_ timer: EpochTimer) throws {
        let loss = progress.lossSum / Double(progress.stepInEpoch)
        progress.epoch += 1
        progress.stepInEpoch = 0
        progress.lossSum = 0
        progress.epochLosses.append(loss)
        let report = timer.epoch(progress.epoch, loss: loss)
        try metrics?.write(report, tell)
        tell(.epochEnded(report))
        try save()
    }

    private func save() throws {
        try communicator.heartbeat.enter(.save, step: progress.step)
        lastSaved = try saver.save(progress, replica, report: tell)
    }

    /// The loss and the gradient are the same on all ranks, so all of them stop.
    private func failure(_ loss: Float, _ order: Permutation) throws -> CollectiveError {
        try GradientFailure(step: progress.step + 1, loss: loss)
            .diagnose(replica, communicator) { try computeGradient(order) }
    }

    private func tell(_ event: TrainingEvent) {
        if communicator.isRoot { report(event) }
    }
}
