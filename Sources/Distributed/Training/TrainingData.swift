import DTrainCore

/// A rank's view of the corpus, checked against the training's start and the other ranks' data.
struct TrainingData {
    let corpus: Corpus
    let dataset: SequenceDataset
    let model: ModelConfiguration
    /// The held-out text for validation; nil if there is none.
    let heldOut: HeldOutText?
    /// The number of characters added to the vocabulary of the start; nil without
    /// `extend-vocabulary`.
    let added: Int?

    /// The checksum of a separate file of held-out data; nil if there is none.
    var validationChecksum: String? {
        guard let heldOut, heldOut.corpus !== corpus else { return nil }
        return heldOut.corpus.checksum
    }

    /// Opens the text on every rank; collective, reads only.
    ///
    /// In a job of one process the text may be a pipe; a stop signal ends the reading.
    static func open(
        _ options: TrainingOptions, _ start: StartingPoint.Summary, communicator: any Communicator
    ) throws -> TrainingData {
        let agreement = ReplicaAgreement(communicator)
        let pipes: PipeRule =
            communicator.size == 1
            ? .read { StopSignals.received == 0 } : .refuse("which the ranks of a job can't all read")
        let data = try agreement.collectively {
            let known = try vocabulary(start, options)
            let corpus = try Corpus(
                paths: options.data, vocabulary: known, extendsVocabulary: options[.extendVocabulary], pipes: pipes,
                heartbeat: communicator.heartbeat)
            try ResumeRules.check(start, corpus: corpus)
            if let path = start.path { try corpus.requireKnownCharacters(of: path) }
            let added = options[.extendVocabulary] ? corpus.vocabulary.size - (known?.size ?? 0) : nil
            var model = start.model ?? options.settings.model(vocabularySize: corpus.vocabulary.size)
            model.vocabularySize += added ?? 0
            guard model.vocabularySize == corpus.vocabulary.size else {
                throw DTrainError(
                    .badData,
                    "the initial weights are for a vocabulary of \(model.vocabularySize), but '\(corpus.name)' has "
                        + "\(corpus.vocabulary.size)",
                    hint: "use the text that the weights belong to, or add their vocabulary to the file's metadata")
            }
            let dataset = try makeDataset(corpus, options)
            if start.isResumed, let path = start.path {
                try ResumeRules.check(start.progress, stepsPerEpoch: dataset.stepsPerEpoch, path)
            }
            let file = try options[.validationData].map {
                try Corpus(path: $0, vocabulary: corpus.vocabulary, heartbeat: communicator.heartbeat)
            }
            try ResumeRules.check(start, heldOut: file)
            try options[.freeze].check(model)
            let heldOut = try file.map { try HeldOutText($0, as: dataset) } ?? dataset.heldOut
            if heldOut != nil { try ResumeRules.checkRecord(start) }
            return TrainingData(corpus: corpus, dataset: dataset, model: model, heldOut: heldOut, added: added)
        }
        try agreement.requireSame(
            "the text's checksum (`data`)", data.corpus.checksum,
            shown: "\(data.corpus.checksum) of '\(data.corpus.name)'",
            hint: "give all ranks the same text: the files of `data` must be identical on every host")
        try agreement.requireSame(
            "the held-out text's checksum (`validation-data`)", data.validationChecksum ?? "",
            shown: "\(data.validationChecksum ?? "none") of '\(data.heldOut?.corpus.name ?? "")'",
            hint: "give all ranks the same text: the file of `validation-data` must be identical on every host")
        return data
    }

    /// Returns the vocabulary that the start determines; nil to derive it from the text's
    /// characters.
    private static func vocabulary(_ start: StartingPoint.Summary, _ options: TrainingOptions) throws -> Vocabulary? {
        if let tokens = start.vocabulary { return try Vocabulary(tokens: tokens) }
        if options[.tokens] == .bytes { return .bytes }
        guard !options[.extendVocabulary] else {
            throw DTrainError(
                .badData, "'\(start.path ?? "")' has no vocabulary that `extend-vocabulary` could extend",
                hint: "add its vocabulary to the file's metadata")
        }
        return nil
    }

    private static func makeDataset(_ corpus: Corpus, _ options: TrainingOptions) throws -> SequenceDataset {
        do {
            return try SequenceDataset(
                corpus: corpus, sequenceLength: options[.sequenceLength], batchSize: options[.batchSize],
                shuffle: options[.shuffle], seed: options[.seed], stateful: options[.stateful],
                validationSplit: options[.validationSplit])
        } catch {
            // A text that is too short may be something else.
            throw corpus.warning.map { DTrainError(.badData, $0) } ?? error
        }
    }

    /// Reports notices and warnings about the text, the vocabulary and the resumed training.
    func announce(
        _ start: StartingPoint.Summary, _ options: TrainingOptions, ranks: Int, arithmetic: Arithmetic,
        report: (TrainingEvent) -> Void
    ) {
        for remark in start.remarks { report(.notice(remark)) }
        if let warning = corpus.warning, !start.isResumed { report(.warning(warning)) }
        if corpus.unknownCount > 0 {
            report(
                .warning(
                    "\(corpus.unknownCount) of \(corpus.count) characters of '\(corpus.name)' are not in the vocabulary: "
                        + "trained as [UNK]" + (start.isResumed ? "" : "; learn them with `extend-vocabulary`")))
        }
        if let added {
            report(
                .notice(
                    added > 0
                        ? "`extend-vocabulary`: \(added) character\(added == 1 ? "" : "s") of '\(corpus.name)' "
                            + "\(added == 1 ? "is" : "are") new: ids from \(corpus.vocabulary.size - added) on"
                        : "`extend-vocabulary`: the vocabulary of '\(start.path ?? "")' already has every character of "
                            + "'\(corpus.name)'"))
        }
        if options[.freeze] != .none, !start.isResumed {
            let names = options[.freeze].names
            report(
                .notice(
                    "`freeze`: \(names.joined(separator: ", ")) will stay as \(names.count == 1 ? "it is" : "they are")"
                ))
        }
        if let other = heldOut?.corpus, other !== corpus, other.unknownCount > 0 {
            report(
                .warning(
                    "\(other.unknownCount) of \(other.count) characters of '\(other.name)' are not in the vocabulary: "
                        + "measured as [UNK]"))
        }
        if start.model != nil, start.vocabulary == nil, corpus.tokenization == .characters, let path = start.path {
            report(
                .warning(
                    "'\(path)' has no vocabulary: its ids are assumed to be the sorted characters of '\(corpus.name)', "
                        + "which is wrong for weights that were trained on other characters"))
        }
        guard start.isResumed, let path = start.path else { return }
        report(.notice("resumed from '\(path)' at step \(start.progress.step)"))
        if ranks > 1, options[.gradientCompression] != GradientCompression.none {
            report(
                .notice(
                    "`gradient-compression`: the rounding errors of the gradients were not saved, so the weights' "
                        + "bits differ from those of an uninterrupted training"))
        }
        if let event = ResumeRules.compare(start, with: arithmetic) { report(event) }
        for change in start.changes { report(.notice(change)) }
        if let maxSteps = options[.maxSteps], start.progress.step >= maxSteps {
            report(.notice("all \(maxSteps) steps are done already; set a larger `max-steps` to continue"))
        }
        let validation = start.progress.validation
        if let patience = options[.earlyStopping], let validation, validation.isExhausted(patience: patience) {
            report(
                .notice(
                    "the training has stopped early, after \(validation.waited) held-out losses without improvement; "
                        + "continue with a larger `early-stopping`, or with `early-stopping` off"))
        } else if validation?.pendingStep != nil {
            report(.notice("the stop interrupted a measurement of the held-out loss, which is repeated first"))
        }
        if start.progress.epoch >= options[.epochs] {
            report(.notice("all \(options[.epochs]) epochs are done already; set a larger `epochs` to continue"))
        }
    }
}
