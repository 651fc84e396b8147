import DTrainCore

/// A rank's view of the corpus, checked against the start of the training and against the other ranks.
struct TrainingData {
    let corpus: Corpus
    let dataset: SequenceDataset
    let model: ModelConfiguration

    /// Opens the text on every rank; collective, reads only.
    static func open(
        _ options: TrainingOptions, _ start: StartingPoint.Summary, agreement: ReplicaAgreement, heartbeat: Heartbeat
    ) throws -> TrainingData {
        let data = try agreement.collectively {
            let corpus = try Corpus(
                path: options.data, vocabulary: start.vocabulary.map { try Vocabulary(tokens: $0) },
                heartbeat: heartbeat)
            try ResumeRules.check(start, corpus: corpus)
            let model = start.model ?? options.settings.model(vocabularySize: corpus.vocabulary.size)
            guard model.vocabularySize == corpus.vocabulary.size else {
                throw DTrainError(
                    .badData,
                    "the initial weights are for a vocabulary of \(model.vocabularySize), but '\(options.data)' has "
                        + "\(corpus.vocabulary.size); use the text that the weights belong to")
            }
            let dataset = try SequenceDataset(
                corpus: corpus, sequenceLength: options[.sequenceLength], batchSize: options[.batchSize],
                shuffle: options[.shuffle], seed: options[.seed])
            if start.isResumed, let path = start.path {
                try ResumeRules.check(start.progress, stepsPerEpoch: dataset.stepsPerEpoch, path)
            }
            return TrainingData(corpus: corpus, dataset: dataset, model: model)
        }
        try agreement.requireSameOnAllRanks([("the text's checksum (`data`)", data.corpus.checksum)])
        return data
    }

    /// Reports how the text and the settings fit the start.
    func announce(
        _ start: StartingPoint.Summary, _ options: TrainingOptions, ranks: Int, report: (TrainingEvent) -> Void
    ) {
        for remark in start.remarks { report(.notice(remark)) }
        if corpus.unknownCount > 0 {
            report(
                .warning(
                    "\(corpus.unknownCount) characters of '\(corpus.path)' are not in the vocabulary: trained as [UNK]")
            )
        }
        guard start.isResumed, let path = start.path else { return }
        report(.notice("resumed from '\(path)' at step \(start.progress.step)"))
        if ranks > 1, options[.gradientCompression] != GradientCompression.none {
            report(
                .notice(
                    "`gradient-compression`: what rounding had left of the gradients was not saved, so this is not "
                        + "bit for bit the training that never stopped"))
        }
        for change in start.changes { report(.notice(change)) }
        if let maxSteps = options[.maxSteps], start.progress.step >= maxSteps {
            report(.notice("all \(maxSteps) steps are done already; ask for more with `max-steps`"))
        }
        if start.progress.epoch >= options[.epochs] {
            report(.notice("all \(options[.epochs]) epochs are done already; ask for more with `epochs`"))
        }
    }
}
