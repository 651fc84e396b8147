import FoundationEssentials

extension Trainer {
    /// Writes a training checkpoint, from which `resume(from:)` and `dtrain train --resume-from` continue.
    ///
    /// Collective: rank 0 writes, atomically and flushed to the disk, and creates the folder where it is missing.
    ///
    /// - Parameters:
    ///   - path: the file; what is there is replaced.
    ///   - data: the data of the training: its text, sequence length, order and seed are kept.
    ///   - progress: how far the training has come, of which `progress.step` steps must be this trainer's.
    ///   - settings: further settings to keep, such as the total of epochs and the schedule of the learning rate, with its base
    ///     rate.
    /// - Throws: `DTrainError` with `inputOutput` when writing fails, `badData` when a weight isn't finite, `usage` when the
    ///   progress isn't the trainer's.
    public func save(
        to path: String, data: SequenceDataset, progress: TrainingProgress, settings: Settings = Settings()
    ) throws {
        let states = try gatherStates()
        try ranks.collectively {
            guard progress.step == step else {
                throw DTrainError(
                    .usage, "cannot save '\(path)': the progress is at step \(progress.step), the trainer at \(step)")
            }
            guard ranks.rank == 0 else { return }
            try requireFinite(path)
            try Folder.create(Folder.parent(of: path))
            try Checkpoint.write(
                to: path,
                metadata: CheckpointMetadata(
                    kind: .training, model: model, settings: stored(settings, data),
                    arithmetic: arithmetic.rawValue,
                    horizon: settings.hasHorizon ? settings.horizon(stepsPerEpoch: data.stepsPerEpoch) : nil,
                    vocabulary: data.corpus.vocabulary.tokens, corpusChecksum: data.corpus.checksum,
                    progress: progress),
                layout: layout, parameters: replica.parameters.pointer, optimizer: replica.optimizerState,
                states: states)
        }
    }

    /// Writes the model alone, without optimiser state; `dtrain generate` and `Generator` run it.
    ///
    /// Collective: rank 0 writes, atomically and flushed to the disk, and creates the folder where it is missing.
    ///
    /// - Parameters:
    ///   - path: the file; what is there is replaced.
    ///   - vocabulary: what the model's ids mean.
    /// - Throws: `DTrainError` with `inputOutput` when writing fails, `badData` when a weight isn't finite.
    public func export(to path: String, vocabulary: Vocabulary) throws {
        try ranks.collectively {
            guard ranks.rank == 0 else { return }
            try requireFinite(path)
            try Folder.create(Folder.parent(of: path))
            try Checkpoint.write(
                to: path,
                metadata: CheckpointMetadata(kind: .generator, model: model, vocabulary: vocabulary.tokens),
                layout: layout, parameters: replica.parameters.pointer, optimizer: nil)
        }
    }

    /// Takes weights, optimiser state and step count from a training checkpoint.
    ///
    /// Collective: rank 0 reads, the others get the same.
    ///
    /// - Parameters:
    ///   - path: the file.
    ///   - data: the data of the training, which must have the text that the checkpoint was trained on.
    /// - Returns: how far the training has come.
    /// - Throws: `DTrainError` with `noInput` or `badData` when the file is missing, damaged, of another model, optimiser or text,
    ///   `usage` when a gradient is still in use.
    public func resume(from path: String, data: SequenceDataset) throws -> TrainingProgress {
        let (progress, states) = try ranks.collectively {
            guard !replica.isStepOpen else {
                throw DTrainError(.usage, "a gradient of the trainer is still in use; apply it or let it go first")
            }
            return ranks.rank == 0 ? try load(path, data) : (TrainingProgress(), nil)
        }
        let encoded = String(decoding: try JSONEncoder().encode(progress), as: UTF8.self)
        let shared = try JSONDecoder().decode(
            TrainingProgress.self, from: Data(try ranks.allGather(encoded)[0].utf8))
        try shareState()
        try scatter(states)
        replica.optimizerState.steps = shared.step
        return shared
    }

    /// Gives all ranks the weights and the optimiser state of rank 0; collective.
    package func shareState() throws {
        for buffer in [replica.parameters] + replica.optimizerState.slots {
            try ranks.broadcast(UnsafeMutableRawBufferPointer(buffer.elements))
        }
    }

    private func load(_ path: String, _ data: SequenceDataset) throws -> (TrainingProgress, StreamStates?) {
        let checkpoint = try Checkpoint(path: path, heartbeat: ranks.heartbeat)
        guard checkpoint.layout == layout else {
            throw DTrainError(.badData, "checkpoint '\(path)' is of another model; use a trainer of the same sizes")
        }
        guard let progress = checkpoint.metadata.progress,
            checkpoint.metadata.corpusChecksum == data.corpus.checksum
        else {
            throw DTrainError(
                .badData, "checkpoint '\(path)' was not trained on '\(data.corpus.name)'; use the same text")
        }
        let tokens = checkpoint.metadata.settings?[.tokens] ?? .characters
        guard tokens == data.corpus.tokenization else {
            throw DTrainError(
                .badData,
                "checkpoint '\(path)' was trained on \(tokens.rawValue), not \(data.corpus.tokenization.rawValue)",
                hint: "open the text with the checkpoint's vocabulary")
        }
        try checkpoint.load(optimizer: replica.optimizerState)
        try checkpoint.load(parameters: replica.parameters.pointer)
        return (progress, replica.states == nil ? nil : try checkpoint.states(batchSize: shape.batchSize))
    }

    private func requireFinite(_ path: String) throws {
        guard let name = layout.firstNonFinite(in: replica.parameters.pointer) else { return }
        throw DTrainError(.badData, "cannot save '\(path)': the weights of \(name) are not finite numbers")
    }

    /// What a checkpoint keeps of the settings.
    private func stored(_ settings: Settings, _ data: SequenceDataset) -> Settings {
        var settings = settings
        settings[.batchSize] = shape.batchSize
        settings[.microBatchSize] = shape.microBatchSize
        settings[.tokens] = data.corpus.tokenization
        settings[.sequenceLength] = data.sequenceLength
        settings[.shuffle] = data.shuffle
        settings[.stateful] = data.stateful
        settings[.seed] = data.seed
        settings[.precision] = precision
        settings[.freeze] = frozen
        // Of a schedule, the base rate is given.
        if let learningRate, !settings.isGiven(.learningRate) { settings[.learningRate] = learningRate }
        settings.describe(replica.optimizerState.optimizer)
        return settings.stored
    }
}
