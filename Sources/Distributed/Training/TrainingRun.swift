import DTrainCore
import Glibc

/// A training on all ranks: from its options to its last checkpoint.
///
/// Every method is collective: all ranks call it with the same options.
public final class TrainingRun {
    private let options: TrainingOptions
    private let communicator: any Communicator
    private let agreement: ReplicaAgreement
    private let report: (TrainingEvent) -> Void
    private let dataset: SequenceDataset
    private let corpus: Corpus
    let replica: Replica
    private let synchronizer: GradientSynchronizer
    private let saver: CheckpointSaver
    private let metrics: MetricsLog?
    private let isFresh: Bool
    private let stopSignal: () -> Int32
    private var progress: TrainingProgress
    /// Set when a rank was asked to stop, on all ranks after the same step.
    private var stop: StopRequest?
    /// The checkpoint that this process has saved last.
    private var lastSaved: String?

    /// Reads the data, builds the model, and gives all ranks the same weights; collective.
    ///
    /// - Parameters:
    ///   - options: what to do; the same on all ranks, but for `threads`.
    ///   - communicator: the ranks.
    ///   - defaultThreads: worker threads where the options name no number.
    ///   - stopSignal: the signal that has asked this rank to stop, 0 for none; asked once a step.
    ///   - report: is told what happens, on rank 0.
    /// - Throws: `CollectiveError` for what all ranks know of: bad data, checkpoints or options, ranks that differ.
    public init(
        _ options: TrainingOptions, communicator: any Communicator, defaultThreads: Int,
        stopSignal: @escaping () -> Int32 = { StopSignals.received }, report: @escaping (TrainingEvent) -> Void
    ) throws {
        let heartbeat = communicator.heartbeat
        try heartbeat.enter(.startUp, step: 0)
        let agreement = ReplicaAgreement(communicator)
        try agreement.requireSameOnAllRanks(options.fingerprint)
        try agreement.collectively { try options.precision.requireSupport() }
        let start = try StartingPoint.find(options, communicator: communicator, report: report)
        let data = try TrainingData.open(options, start.summary, agreement: agreement, heartbeat: heartbeat)
        let model = data.model
        let parts = ReductionTree.partition(
            count: RankBatch.microBatchCount(batchSize: options.batchSize, microBatchSize: options.microBatchSize),
            parts: communicator.size)
        let threads = options.threads ?? defaultThreads
        try communicator.occupy(threads: threads)
        let host = try communicator.shareMemory(byteCount: Replica.sharedBytes(model))
        let replica = try agreement.collectively {
            try Replica(
                Replica.Configuration(
                    model: model,
                    rankBatch: RankBatch(
                        batchSize: options.batchSize, microBatchSize: options.microBatchSize,
                        sequenceLength: options.sequenceLength, microBatches: parts[communicator.rank]),
                    adam: Adam.Configuration(learningRate: options.learningRate), precision: options.precision,
                    threads: threads, ranks: communicator.size), heartbeat: heartbeat, host: host)
        }
        try start.fill(replica, seed: options.seed, communicator: communicator)
        synchronizer = try agreement.collectively {
            try GradientSynchronizer(
                communicator: communicator, tree: replica.tree, runs: parts, blocks: replica.gradient.blocks,
                mode: options.allreduce, compression: options.gradientCompression)
        }
        let isResumed = start.summary.isResumed
        saver = try CheckpointSaver(
            options, layout: replica.layout, corpus: data.corpus, agreement: agreement, communicator: communicator)
        // Asked before anything of an earlier training is deleted.
        let stop = StopRequest(notes: try communicator.allGather(UInt32(truncatingIfNeeded: stopSignal())))
        metrics = try agreement.collectively {
            guard communicator.isRoot, stop == nil, let path = options.metrics else { return nil }
            return try MetricsLog(
                path: path, data: options.data, resumedAt: isResumed ? start.summary.progress : nil)
        }
        if let gap = metrics?.gap { report(.warning(gap)) }
        saver.first = metrics?.flush
        if stop == nil { try saver.removeEarlier(start.summary) }
        (self.stop, self.stopSignal) = (stop, stopSignal)
        (self.options, self.communicator, self.agreement, self.report) = (options, communicator, agreement, report)
        (corpus, dataset, self.replica) = (data.corpus, data.dataset, replica)
        isFresh = start.summary.model == nil
        progress = start.summary.progress
        data.announce(start.summary, options, ranks: communicator.size) { [communicator] event in
            if communicator.isRoot { report(event) }
        }
        announce(threads: threads)
    }

    /// Trains to the last epoch or the last step, or until a rank is asked to stop; collective.
    ///
    /// - Returns: whether nothing is left to do.
    @discardableResult
    public func run() throws -> Bool {
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

    private var isComplete: Bool { progress.epoch >= options.epochs || isFinished }

    private var isUntrained: Bool { isFresh && progress.step == 0 }

    private func tellEpoch() { tell(.epochBegan(epoch: progress.epoch + 1, of: options.epochs)) }

    private var isFinished: Bool { options.maxSteps.map { progress.step >= $0 } ?? false }

    private func runEpoch() throws {
        let order = dataset.order(epoch: progress.epoch)
        let timer = EpochTimer(
            progress, stepsPerEpoch: dataset.stepsPerEpoch, tokens: options.batchSize * options.sequenceLength)
        while progress.stepInEpoch < dataset.stepsPerEpoch {
            let last = try step(order, timer)
            saver.tellOutcome(report: tell)
            if progress.stepInEpoch == dataset.stepsPerEpoch { break }
            let isLast = isFinished || stop != nil
            if isLast { tell(.stoppedInEpoch(last)) }
            if isLast || isDue(options.checkpointEverySteps) {
                try save()
            } else if isDue(options.verifyReplicas) {
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
        let reduction = try synchronizer.begin(nodes: replica.gradient.sums.pointer)
        try computeGradient(order) { try reduction.advance(finished: $0) }
        try heartbeat.enter(.exchange, step: progress.step + 1)
        var profile = try finish(reduction)
        try heartbeat.enter(.update, step: progress.step + 1)
        let loss = replica.loss
        guard loss.isFinite else { throw try failure(loss, order) }
        if isUntrained {
            tell(.untrainedLoss(loss, blind: log(Double(replica.layout.configuration.vocabularySize))))
            tellEpoch()
        }
        let norm = try replica.applyGradient(clipNorm: options.clipNorm)
        guard norm.isFinite else { throw try failure(loss, order) }
        profile += replica.profile
        progress.step += 1
        progress.stepInEpoch += 1
        progress.lossSum += Double(loss)
        let end = Clock.seconds
        profile.other = max(0, end - start - profile.total)
        let report = timer.step(
            progress, loss: loss, gradientNorm: norm, from: start, to: end, profile: options.profile ? profile : nil,
            gradientBytes: options.profile ? replica.gradient.blocks.count * MemoryLayout<Float>.stride : nil)
        try metrics?.write(report, tell)
        tell(.step(report))
        return report
    }

    /// Computes this rank's part of the gradient of the coming step.
    private func computeGradient(_ order: Permutation, advance: (Int) throws -> Void = { _ in }) throws {
        let (dataset, first) = (dataset, progress.stepInEpoch * options.batchSize)
        try replica.computeGradient(
            { sequence, ids in dataset.read(window: order[first + sequence], into: ids) }, advance: advance)
    }

    /// Finishes the sum of the ranks' gradients; the time until the last rank is ready counts as waiting.
    ///
    /// The stop signals travel with the sums, so all ranks stop after the same step.
    private func finish(_ reduction: consuming GradientSynchronizer.Reduction) throws -> StepProfile {
        let outcome = try reduction.finish(stopSignal: UInt32(truncatingIfNeeded: stopSignal()))
        stop = StopRequest(notes: outcome.stopSignals)
        let times = outcome.times
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

    private func announce(threads: Int) {
        tell(
            .ready(
                TrainingOverview(
                    layout: replica.layout, ranks: communicator.size, threads: threads, data: corpus.path,
                    characters: corpus.count, sequences: dataset.windowCount, stepsPerEpoch: dataset.stepsPerEpoch,
                    batchSize: options.batchSize, sequenceLength: options.sequenceLength,
                    gradientCompression: options.gradientCompression, precision: options.precision)))
    }

    private func tell(_ event: TrainingEvent) {
        if communicator.isRoot { report(event) }
    }
}
