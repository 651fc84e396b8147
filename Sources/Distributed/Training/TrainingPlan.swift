import DTrainCore

/// A training that all ranks of a job have agreed on, before memory is allocated or a file is
/// changed.
package struct TrainingPlan {
    /// The options in force; on a resume, options that weren't given come from the checkpoint.
    let options: TrainingOptions
    let start: StartingPoint
    let data: TrainingData
    /// The number of steps planned at the first start, regardless of `max-steps`.
    let horizon: Int
    /// The best arithmetic that all ranks' CPUs offer.
    let arithmetic: Arithmetic
    /// The instruction sets of the ranks, each once, in ascending order.
    let instructionSets: [InstructionSet]
    /// Whether the kernel of some rank refuses permission for its CPU's AMX.
    let lacksAMXPermission: Bool
    /// The number of worker threads of this rank.
    let threads: Int
    let communicator: any Communicator

    /// Reads the start and the data, and checks that they are the same on all ranks; collective.
    ///
    /// This only reads; if it fails, no file or folder has changed.
    ///
    /// - Parameters:
    ///   - options: the training's options; the same on all ranks, except for `threads` and
    ///     `members`.
    ///   - communicator: the ranks.
    ///   - defaultThreads: the number of worker threads if the options don't set it.
    ///   - report: called on rank 0 with notices and warnings about the start.
    /// - Throws: `CollectiveError` for bad data, checkpoints or options, or if the ranks differ.
    package static func make(
        _ options: TrainingOptions, communicator: any Communicator, defaultThreads: Int,
        report: (TrainingEvent) -> Void
    ) throws -> TrainingPlan {
        try communicator.heartbeat.enter(.startUp, step: 0)
        let agreement = ReplicaAgreement(communicator)
        try agreement.requireSameOnAllRanks(options.fingerprint)
        let start = try StartingPoint.find(options, communicator: communicator, report: report)
        let given = options.settings
        var options = options
        if let settings = start.summary.settings { options.settings.take(settings) }
        try agreement.collectively {
            if let vocabulary = start.summary.vocabulary {
                options.settings[.tokens] = try Vocabulary(tokens: vocabulary).tokenization
            }
            if communicator.isRoot {
                let predecessor = start.predecessor(options)
                if let metrics = options[.metrics] {
                    try MetricsTarget.check(metrics, data: options.data, after: predecessor)
                }
                if let events = options[.tensorboard] { try EventFolder(path: events).check(predecessor) }
            }
            // Otherwise the settings that need held-out data fail first, with advice that doesn't help.
            if options[.validationData] == nil { try ResumeRules.check(start.summary, heldOut: nil) }
            try options.settings.requireValid(given: given)
            try options.settings.requireValid(Settings.job)
        }
        let arithmetic = try JobRanks(communicator).agreeOnArithmetic(for: options[.precision])
        let sets = try Set(communicator.allGather(InstructionSet.inUse().rawValue))
        let lacksPermission = try communicator.allGather(InstructionSet.lacksPermission()).contains(true)
        if communicator.size == 1 { options.settings.removeExchange() }
        let data = try TrainingData.open(options, start.summary, communicator: communicator)
        return TrainingPlan(
            options: options, start: start, data: data,
            horizon: start.summary.horizon(options, stepsPerEpoch: data.dataset.stepsPerEpoch), arithmetic: arithmetic,
            instructionSets: InstructionSet.allCases.filter { sets.contains($0.rawValue) },
            lacksAMXPermission: lacksPermission, threads: options[.threads] ?? defaultThreads,
            communicator: communicator)
    }

    /// The learning-rate schedule.
    var schedule: LearningRateSchedule {
        options.settings.schedule(stepsPerEpoch: data.dataset.stepsPerEpoch, horizon: horizon)
    }

    /// A notice about a schedule whose decay never starts, or that keeps its end although the number
    /// of epochs has changed; nil if neither applies.
    var scheduleNotice: String? {
        guard options.settings.hasHorizon, options[.decaySteps] == nil else { return nil }
        let decayStart = schedule.warmupSteps + schedule.decayStart
        if decayStart >= horizon {
            let name = "`schedule` \(options[.schedule].rawValue)"
            let (epochs, stepsPerEpoch) = (options[.epochs], data.dataset.stepsPerEpoch)
            return options.settings.horizon(stepsPerEpoch: stepsPerEpoch) > decayStart
                ? "\(name) ends at step \(horizon) as planned, before its decay would start: with `epochs` \(epochs) the "
                    + "rate drops to \(schedule.finalLearningRate) at step \(decayStart); set `decay-steps` to change it"
                : "\(name) has no effect: its decay would start at step \(decayStart), and the training ends at step "
                    + "\(horizon); set a smaller `warmup-steps` or `decay-start`"
        }
        guard start.summary.isResumed, horizon != options.settings.horizon(stepsPerEpoch: data.dataset.stepsPerEpoch)
        else { return nil }
        return "`schedule` \(options[.schedule].rawValue) keeps its planned end at step \(horizon) although "
            + "`epochs` is now \(options[.epochs]); set `decay-steps` to change it"
    }

    /// Allocates the model; collective.
    func makeTrainer(_ ranks: JobRanks) throws -> Trainer {
        let trainer = try Trainer(
            model: data.model,
            shape: Trainer.Shape(
                batchSize: options[.batchSize], microBatchSize: options[.microBatchSize],
                sequenceLength: options[.sequenceLength]),
            optimizer: options.settings.makeOptimizer(), arithmetic: arithmetic, threads: threads,
            members: options[.members], seed: options[.seed], stateful: options[.stateful],
            samplesInputs: options[.scheduledSampling] > 0, ranks: ranks)
        try ranks.collectively { try trainer.freeze(options[.freeze]) }
        return trainer
    }

    /// Returns the facts that are known before the first step.
    func overview(_ trainer: Trainer) -> TrainingOverview {
        TrainingOverview(
            layout: trainer.layout, ranks: communicator.size, threads: threads, grid: trainer.grid,
            quota: communicator.processors.quota.map { ($0, of: communicator.processors.unionCount) },
            data: data.corpus.name, files: data.corpus.files.count,
            tokenization: data.corpus.tokenization, tokens: data.corpus.count, sequences: data.dataset.windowCount,
            carriesStates: data.dataset.stateful, heldOut: data.heldOut?.predictions,
            heldOutName: data.validationChecksum == nil ? nil : data.heldOut?.corpus.name,
            opening: data.corpus.opening, stepsPerEpoch: data.dataset.stepsPerEpoch, plannedSteps: plannedSteps,
            batchSize: options[.batchSize],
            sequenceLength: options[.sequenceLength], gradientCompression: options[.gradientCompression],
            instructionSets: instructionSets, lacksAMXPermission: lacksAMXPermission, arithmetic: arithmetic,
            usesDropout: options[.dropout] > 0 || options[.recurrentDropout] > 0,
            checkpointDirectory: options[.checkpointDirectory])
    }

    private var plannedSteps: Int {
        let (steps, overflows) = options[.epochs].multipliedReportingOverflow(by: data.dataset.stepsPerEpoch)
        return min(overflows ? Int.max : steps, options[.maxSteps] ?? Int.max)
    }
}

extension Settings {
    /// Resets the settings of the gradient exchange to their defaults: a single process has no
    /// exchange, and its checkpoints must not store one.
    fileprivate mutating func removeExchange() {
        self[.gradientSummation] = Setting.gradientSummation.defaultValue
        self[.gradientCompression] = Setting.gradientCompression.defaultValue
    }
}

extension Corpus {
    /// The first words of the first line that isn't blank, at most 20 characters; empty if any
    /// isn't printable.
    fileprivate var opening: String {
        let text = vocabulary.decode(self[0..<min(count, 200)])
        let line = text.split(whereSeparator: \.isNewline).first { $0.contains { !$0.isWhitespace } } ?? ""
        var words = ""
        for word in line.split(separator: " ") where words.count + word.count <= 20 {
            words += (words.isEmpty ? "" : " ") + word
        }
        let isPrintable = words.unicodeScalars.allSatisfy {
            $0.properties.generalCategory != .control && $0 != "\u{FFFD}"
        }
        return isPrintable ? words : ""
    }
}
