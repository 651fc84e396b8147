import DTrainCore

/// What may change between a training and its resumption: the learning rate, the limit of the gradient's norm and the number
/// of epochs; nothing else that the weights depend on.
enum ResumeRules {
    /// Refuses changed settings.
    ///
    /// - Throws: `DTrainError` with `usage` (a flag) or `badData` (the text) that names both values.
    static func check(_ options: TrainingOptions, _ summary: StartingPoint.Summary, corpus: Corpus) throws {
        guard let settings = summary.settings else { return }
        let path = summary.path ?? "the checkpoint"
        try require(settings.microBatchSize, options.microBatchSize, "--micro-batch-size", path)
        try require(settings.batchSize, options.batchSize, "--batch-size", path)
        try require(settings.sequenceLength, options.sequenceLength, "--seq-length", path)
        try require(settings.seed, options.seed, "--seed", path)
        try require(settings.precision, options.precision.rawValue, "--precision", path)
        try require(
            settings.shuffle ? "--shuffle" : "--no-shuffle", options.shuffle ? "--shuffle" : "--no-shuffle",
            "the order", path)
        if let checksum = summary.corpusChecksum, checksum != corpus.checksum {
            throw DTrainError(
                .badData,
                "'\(corpus.path)' is not the text of '\(path)' (checksum \(corpus.checksum), then \(checksum)"
                    + vocabularies(corpus) + "); "
                    + "name the same text with --data, or start a new training from the weights with --init")
        }
        let dataset = try SequenceDataset(
            corpus: corpus, sequenceLength: options.sequenceLength, batchSize: options.batchSize,
            shuffle: options.shuffle, seed: options.seed)
        try check(summary.progress, stepsPerEpoch: dataset.stepsPerEpoch, path)
    }

    /// The sizes of the text's own vocabulary and of the checkpoint's, where they differ.
    private static func vocabularies(_ corpus: Corpus) -> String {
        guard let now = (try? Corpus(path: corpus.path))?.vocabulary.size, now != corpus.vocabulary.size else {
            return ""
        }
        return "; vocabulary of \(now), then \(corpus.vocabulary.size)"
    }

    /// Refuses a progress that no training on epochs of so many steps makes.
    ///
    /// - Throws: `DTrainError` with `badData` that names the file and the numbers.
    static func check(_ progress: TrainingProgress, stepsPerEpoch: Int, _ path: String) throws {
        let before = progress.epoch.multipliedReportingOverflow(by: stepsPerEpoch)
        let step = before.partialValue.addingReportingOverflow(progress.stepInEpoch)
        guard progress.stepInEpoch < stepsPerEpoch, !before.overflow, !step.overflow, step.partialValue == progress.step
        else {
            throw DTrainError(
                .badData,
                "'\(path)' is at step \(progress.step) with \(progress.epoch) epochs and \(progress.stepInEpoch) steps "
                    + "done, which epochs of \(stepsPerEpoch) steps don't add up to; resume from another checkpoint")
        }
    }

    /// What has changed and may, for the user to know.
    static func changes(_ old: TrainingSettings, _ new: TrainingSettings) -> [String] {
        func number(_ value: Double?) -> String { value.map { "\($0)" } ?? "off" }
        let changes = [
            ("the learning rate", number(old.learningRate), number(new.learningRate)),
            ("--clip-norm", number(old.clipNorm), number(new.clipNorm)),
            ("--epochs", (old.epochs ?? new.epochs).map(String.init) ?? "", new.epochs.map(String.init) ?? ""),
        ]
        return changes.filter { $1 != $2 }.map { "\($0) changes from \($1) to \($2)" }
    }

    private static func require<Value: Equatable>(_ old: Value, _ new: Value, _ flag: String, _ path: String) throws {
        guard old == new else {
            throw DTrainError(
                .usage,
                "'\(path)' was trained with \(flag) \(old), not \(new); resume with the same value, or start anew")
        }
    }
}
