import DTrainCore

/// What all ranks of a job have agreed to train, before memory is allocated or a file is changed.
package struct TrainingPlan {
    /// The options in force: on a resume, what wasn't given is the checkpoint's.
    let options: TrainingOptions
    let start: StartingPoint
    let data: TrainingData
    /// The steps of the training as it was planned at its first start; `max-steps` has no say in it.
    let horizon: Int
    /// The best that all ranks' CPUs offer.
    let arithmetic: Arithmetic
    /// The instruction sets of the ranks, each once, in ascending order.
    let instructionSets: [InstructionSet]
    /// Whether a rank's kernel refuses the AMX of its CPU.
    let lacksAMXPermission: Bool
    /// Worker threads of this rank.
    let threads: Int
    let communicator: any Communicator

    /// Reads the start and the data, and checks that all ranks have the same; collective.
    ///
    /// Only reads: whatever fails here, every file and folder is as it was.
    ///
    /// - Parameters:
    ///   - options: what to train; the same on all ranks, but for `threads` and `members`.
    ///   - communicator: the ranks.
    ///   - defaultThreads: worker threads where the options name no number.
    ///   - report: gets, on rank 0, what the user should know about the start.
    /// - Throws: `CollectiveError` for bad data, checkpoints or options, and ranks that differ.
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
            try options.settings.requirePossible(given: given)
            try options.settings.requirePossible(Settings.job)
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

    /// The learning rate of each step.
    var schedule: LearningRateSchedule {
        options.settings.schedule(stepsPerEpoch: data.dataset.stepsPerEpoch, horizon: horizon)
    }

    /// A line for a schedule that keeps its end although the epochs have changed; nil where there is none.
    var scheduleNotice: String? {
        guard start.summary.isResumed, options.settings.hasHorizon, options[.decaySteps] == nil,
            horizon != options.settings.horizon(stepsPerEpoch: data.dataset.stepsPerEpoch)
        else { return nil }
        return "`schedule` \(options[.schedule].rawValue) still ends at step \(horizon), as planned at the first "
            + "start, not with the last of \(options[.epochs]) epochs; set `decay-steps` for another end"
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

    /// What is known before the first step.
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
    /// Sets the exchange of gradients to its defaults: a single process has none, and its checkpoints say so.
    fileprivate mutating func removeExchange() {
        self[.gradientSummation] = Setting.gradientSummation.defaultValue
        self[.gradientCompression] = Setting.gradientCompression.defaultValue
    }
}

extension Corpus {
    /// The first words of its first line that has any, at most 20 characters; empty where not all of them are printable.
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
