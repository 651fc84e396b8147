import DTrainCore

/// A rank's view of the corpus, checked against the start of the training and against the other ranks.
struct TrainingData {
    let corpus: Corpus
    let dataset: SequenceDataset
    let model: ModelConfiguration

    /// Opens the text on every rank; collective, reads only.
    ///
    /// A single process reads a pipe, too, until a signal asks it to stop.
    static func open(
        _ options: TrainingOptions, _ start: StartingPoint.Summary, communicator: any Communicator
    ) throws -> TrainingData {
        let agreement = ReplicaAgreement(communicator)
        let pipes: PipeRule =
            communicator.size == 1
            ? .read { StopSignals.received == 0 } : .refuse("which the ranks of a job can't all read")
        let data = try agreement.collectively {
            let corpus = try Corpus(
                paths: options.data, vocabulary: start.vocabulary.map { try Vocabulary(tokens: $0) }, pipes: pipes,
                heartbeat: communicator.heartbeat)
            try ResumeRules.check(start, corpus: corpus)
            if let path = start.path { try corpus.requireKnownCharacters(of: path) }
            let model = start.model ?? options.settings.model(vocabularySize: corpus.vocabulary.size)
            guard model.vocabularySize == corpus.vocabulary.size else {
                throw DTrainError(
                    .badData,
                    "the initial weights are for a vocabulary of \(model.vocabularySize), but '\(corpus.name)' has "
                        + "\(corpus.vocabulary.size)",
                    hint: "use the text that the weights belong to, or add their vocabulary to the file's metadata")
            }
            let dataset = try cut(corpus, options)
            if start.isResumed, let path = start.path {
                try ResumeRules.check(start.progress, stepsPerEpoch: dataset.stepsPerEpoch, path)
            }
            return TrainingData(corpus: corpus, dataset: dataset, model: model)
        }
        try agreement.requireSame(
            "the text's checksum (`data`)", data.corpus.checksum,
            shown: "\(data.corpus.checksum) of '\(data.corpus.name)'",
            hint: "give all ranks the same text: `data` must lead to the same bytes on every host")
        return data
    }

    private static func cut(_ corpus: Corpus, _ options: TrainingOptions) throws -> SequenceDataset {
        do {
            return try SequenceDataset(
                corpus: corpus, sequenceLength: options[.sequenceLength], batchSize: options[.batchSize],
                shuffle: options[.shuffle], seed: options[.seed])
        } catch {
            // A text that is too short may be something else.
            throw corpus.doubt.map { DTrainError(.badData, $0) } ?? error
        }
    }

    /// Reports how the text and the settings fit the start.
    func announce(
        _ start: StartingPoint.Summary, _ options: TrainingOptions, ranks: Int, arithmetic: Arithmetic,
        report: (TrainingEvent) -> Void
    ) {
        for remark in start.remarks { report(.notice(remark)) }
        if let doubt = corpus.doubt, !start.isResumed { report(.warning(doubt)) }
        if corpus.unknownCount > 0 {
            report(
                .warning(
                    "\(corpus.unknownCount) of \(corpus.count) characters of '\(corpus.name)' are not in the vocabulary: "
                        + "trained as [UNK]"))
        }
        if start.model != nil, start.vocabulary == nil, let path = start.path {
            report(
                .warning(
                    "'\(path)' names no vocabulary: its ids are taken for the sorted characters of '\(corpus.name)', "
                        + "which is wrong for weights that were trained on other characters"))
        }
        guard start.isResumed, let path = start.path else { return }
        report(.notice("resumed from '\(path)' at step \(start.progress.step)"))
        if ranks > 1, options[.gradientCompression] != GradientCompression.none {
            report(
                .notice(
                    "`gradient-compression`: what rounding had left of the gradients was not saved, so this is not "
                        + "bit for bit the training that never stopped"))
        }
        if let event = ResumeRules.compare(start, with: arithmetic) { report(event) }
        for change in start.changes { report(.notice(change)) }
        if let maxSteps = options[.maxSteps], start.progress.step >= maxSteps {
            report(.notice("all \(maxSteps) steps are done already; ask for more with `max-steps`"))
        }
        if start.progress.epoch >= options[.epochs] {
            report(.notice("all \(options[.epochs]) epochs are done already; ask for more with `epochs`"))
        }
    }
}
