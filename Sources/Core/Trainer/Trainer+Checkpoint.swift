import FoundationEssentials

extension Trainer {
    /// Writes a training checkpoint for `resume(from:data:)` and `dtrain train --resume-from`.
    ///
    /// Collective. Rank 0 creates the folder if needed, writes the file atomically and flushes it
    /// to disk.
    ///
    /// - Parameters:
    ///   - path: the file; an existing one is replaced.
    ///   - data: the training data, whose text checksum, sequence length, order and seed are
    ///     stored.
    ///   - progress: the progress of the run; `progress.step` must equal this trainer's `step`.
    ///   - settings: further settings to store, such as the number of epochs and the learning-rate
    ///     schedule with its base rate.
    /// - Throws: `DTrainError` with `inputOutput` when writing fails, with `badData` when a weight
    ///   or a number of the optimizer's state isn't finite, with `usage` when the progress isn't at
    ///   the trainer's step.
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
            try requireFiniteState(path)
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

    /// Writes the model without optimizer state, for `dtrain generate` and `Generator`.
    ///
    /// Collective. Rank 0 creates the folder if needed, writes the file atomically and flushes it
    /// to disk.
    ///
    /// - Parameters:
    ///   - path: the file; an existing one is replaced.
    ///   - vocabulary: the model's vocabulary.
    /// - Throws: `DTrainError` with `inputOutput` when writing fails, with `badData` when a weight
    ///   isn't finite.
    public func export(to path: String, vocabulary: Vocabulary) throws {
        try ranks.collectively {
            guard ranks.rank == 0 else { return }
            try requireFinite(replica.parameters, "weights", path)
            try Folder.create(Folder.parent(of: path))
            try Checkpoint.write(
                to: path,
                metadata: CheckpointMetadata(kind: .generator, model: model, vocabulary: vocabulary.tokens),
                layout: layout, parameters: replica.parameters.pointer, optimizer: nil)
        }
    }

    /// Loads weights, optimizer state and step count from a training checkpoint.
    ///
    /// Collective. Rank 0 reads the file and broadcasts it to the other ranks.
    ///
    /// - Parameters:
    ///   - path: the file.
    ///   - data: the training data; it must have the text that the checkpoint was trained on.
    /// - Returns: the progress of the run.
    /// - Throws: `DTrainError` with `noInput` or `badData` when the file is missing, damaged, or of
    ///   another model, optimizer or text, with `usage` when a gradient is still in use.
    public func resume(from path: String, data: SequenceDataset) throws -> TrainingProgress {
        let (progress, states) = try ranks.collectively {
            guard !replica.isStepOpen else {
                throw DTrainError(.usage, "a gradient of the trainer is still in use; apply or discard it first")
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

    /// Broadcasts the weights and the optimizer state of rank 0 to all ranks; collective.
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
        // Read first: what is missing must not leave the trainer half loaded.
        let states = replica.states == nil ? nil : try checkpoint.states(batchSize: shape.batchSize)
        try checkpoint.load(optimizer: replica.optimizerState)
        try checkpoint.load(parameters: replica.parameters.pointer)
        return (progress, states)
    }

    private func requireFiniteState(_ path: String) throws {
        let state = replica.optimizerState
        try requireFinite(replica.parameters, "weights", path)
        for (slot, values) in zip(state.optimizer.slots, state.slots) { try requireFinite(values, slot.title, path) }
    }

    private func requireFinite(_ values: AlignedBuffer<Float>, _ title: String, _ path: String) throws {
        guard let name = layout.firstNonFinite(in: values.pointer) else { return }
        throw DTrainError(.badData, "cannot save '\(path)': the \(title) of \(name) are not finite numbers")
    }

    /// The settings that a checkpoint stores.
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
        // With a schedule, the caller gives the base rate.
        if let learningRate, !settings.isGiven(.learningRate) { settings[.learningRate] = learningRate }
        settings.describe(replica.optimizerState.optimizer)
        return settings.stored
    }
}
