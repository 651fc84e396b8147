import Core
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
    private let replica: Replica
    private let synchronizer: GradientSynchronizer
    private let saver: CheckpointSaver
    private let metrics: MetricsLog?
    private let isFresh: Bool
    private var progress: TrainingProgress

    /// Reads the data, builds the model, and gives all ranks the same weights; collective.
    ///
    /// - Parameters:
    ///   - options: what to do; the same on all ranks, but for `threads`.
    ///   - communicator: the ranks.
    ///   - defaultThreads: worker threads where the options name no number.
    ///   - report: is told what happens, on rank 0.
    /// - Throws: `CollectiveError` for what all ranks know of: bad data, checkpoints or options, ranks that differ.
    public init(
        _ options: TrainingOptions, communicator: any Communicator, defaultThreads: Int,
        report: @escaping (TrainingEvent) -> Void
    ) throws {
        let agreement = ReplicaAgreement(communicator)
        try agreement.requireSameOnAllRanks(options.fingerprint)
        try agreement.collectively { try options.precision.requireSupport() }
        let start = try StartingPoint.find(options, communicator: communicator, report: report)
        let data = try TrainingData.open(options, start.summary, agreement: agreement)
        let model = data.model
        let parts = ReductionTree.partition(
            count: Shard.microBatchCount(batchSize: options.batchSize, microBatchSize: options.microBatchSize),
            parts: communicator.size)
        let threads = options.threads ?? defaultThreads
        let replica = try agreement.collectively {
            try Replica(
                Replica.Configuration(
                    model: model,
                    shard: Shard(
                        batchSize: options.batchSize, microBatchSize: options.microBatchSize,
                        sequenceLength: options.sequenceLength, microBatches: parts[communicator.rank]),
                    adam: Adam.Configuration(learningRate: options.learningRate), precision: options.precision,
                    threads: threads))
        }
        try start.fill(replica, seed: options.seed, communicator: communicator)
        synchronizer = try agreement.collectively {
            try GradientSynchronizer(
                communicator: communicator, tree: replica.tree, runs: parts, count: replica.gradientLayout.summed.count,
                mode: options.allreduce)
        }
        let isResumed = start.summary.isResumed
        saver = try CheckpointSaver(options, corpus: data.corpus, agreement: agreement, communicator: communicator)
        metrics = try agreement.collectively {
            guard communicator.isRoot, let path = options.metrics else { return nil }
            return try MetricsLog(
                path: path, data: options.data, resumedAt: isResumed ? start.summary.progress : nil)
        }
        try saver.removeEarlier(start.summary)
        (self.options, self.communicator, self.agreement, self.report) = (options, communicator, agreement, report)
        (corpus, dataset, self.replica) = (data.corpus, data.dataset, replica)
        isFresh = start.summary.model == nil
        progress = start.summary.progress
        data.announce(start.summary, options) { [communicator] event in if communicator.isRoot { report(event) } }
        announce(threads: threads)
    }

    /// Trains to the last epoch or the last step; collective.
    public func run() throws {
        while progress.epoch < options.epochs, !isFinished {
            if !isUntrained { tellEpoch() }
            try runEpoch()
        }
    }

    private var isUntrained: Bool { isFresh && progress.step == 0 }

    private func tellEpoch() { tell(.epochBegan(epoch: progress.epoch + 1, of: options.epochs)) }

    private var isFinished: Bool { options.maxSteps.map { progress.step >= $0 } ?? false }

    private func runEpoch() throws {
        let order = dataset.order(epoch: progress.epoch)
        let start = Clock.seconds
        let firstStep = progress.stepInEpoch
        while progress.stepInEpoch < dataset.stepsPerEpoch {
            let last = try step(order, epochStart: start, firstStep: firstStep)
            if progress.stepInEpoch == dataset.stepsPerEpoch { break }
            let isDue = options.checkpointEverySteps.map { progress.step.isMultiple(of: $0) } ?? false
            if isFinished { tell(.stoppedInEpoch(last)) }
            if isDue || isFinished { try saver.save(progress, replica, report: tell) }
            if isFinished { return }
        }
        try endEpoch(seconds: Clock.seconds - start, steps: dataset.stepsPerEpoch - firstStep)
    }

    private func step(_ order: Permutation, epochStart: Double, firstStep: Int) throws -> StepReport {
        let start = Clock.seconds
        let (dataset, first) = (dataset, progress.stepInEpoch * options.batchSize)
        try replica.computeGradient { sequence, ids in
            dataset.read(window: order[first + sequence], into: ids)
        }
        var profile = try exchange()
        let loss = replica.loss
        guard loss.isFinite else { throw lossError(loss) }
        if isUntrained {
            tell(.untrainedLoss(loss, blind: log(Double(replica.layout.configuration.vocabularySize))))
            tellEpoch()
        }
        try replica.applyGradient()
        profile += replica.profile
        progress.step += 1
        progress.stepInEpoch += 1
        progress.lossSum += Double(loss)
        let now = Clock.seconds
        profile.other = max(0, now - start - profile.total)
        let report = StepReport(
            step: progress.step, epoch: progress.epoch + 1, stepInEpoch: progress.stepInEpoch,
            stepsPerEpoch: dataset.stepsPerEpoch, loss: loss,
            epochLoss: progress.lossSum / Double(progress.stepInEpoch), seconds: now - start,
            epochSeconds: now - epochStart,
            meanSeconds: (now - epochStart) / Double(progress.stepInEpoch - firstStep),
            tokens: options.batchSize * options.sequenceLength, profile: options.profile ? profile : nil,
            gradientBytes: options.profile ? replica.gradientLayout.summed.count * MemoryLayout<Float>.stride : nil)
        try metrics?.write(report)
        tell(.step(report))
        return report
    }

    /// Adds up the ranks' gradients; the seconds until the last rank is ready are told apart where a profile is wanted.
    private func exchange() throws -> StepProfile {
        var profile = StepProfile()
        let start = Clock.seconds
        if options.profile {
            try communicator.barrier()
            profile.wait = Clock.seconds - start
        }
        try synchronizer.reduce(nodes: replica.nodes, into: replica.summedGradient)
        profile.exchange = Clock.seconds - start - profile.wait
        return profile
    }

    private func endEpoch(seconds: Double, steps: Int) throws {
        let loss = progress.lossSum / Double(progress.stepInEpoch)
        progress.epoch += 1
        progress.stepInEpoch = 0
        progress.lossSum = 0
        progress.epochLosses.append(loss)
        let report = EpochReport(
            epoch: progress.epoch, loss: loss, seconds: seconds, steps: dataset.stepsPerEpoch,
            meanSeconds: seconds / Double(max(1, steps)),
            tokensPerSecond: Double(steps * options.batchSize * options.sequenceLength) / max(seconds, 1e-9))
        try metrics?.write(report)
        tell(.epochEnded(report))
        try saver.save(progress, replica, report: tell)
    }

    /// All ranks have the same loss, so all of them stop.
    private func lossError(_ loss: Float) -> CollectiveError {
        CollectiveError(
            DTrainError(
                .badData,
                "the loss of step \(progress.step + 1) is \(loss); lower --learning-rate and go on from the last "
                    + "checkpoint with --resume"))
    }

    private func announce(threads: Int) {
        tell(
            .ready(
                TrainingOverview(
                    layout: replica.layout, ranks: communicator.size, threads: threads, data: corpus.path,
                    characters: corpus.count, sequences: dataset.windowCount, stepsPerEpoch: dataset.stepsPerEpoch,
                    batchSize: options.batchSize, sequenceLength: options.sequenceLength)))
    }

    private func tell(_ event: TrainingEvent) {
        if communicator.isRoot { report(event) }
    }
}
