/// What a checkpoint says about its tensors.
public struct CheckpointMetadata: Hashable, Sendable {
    /// What a checkpoint is for.
    public enum Kind: String, Hashable, Sendable {
        /// A training can resume from it: it has settings, progress, corpus checksum and an optimiser's slots.
        case training
        /// Text can be generated with it: weights and vocabulary only.
        case generator
    }

    /// What the checkpoint is for.
    public var kind: Kind
    /// The model's sizes.
    public var model: ModelConfiguration
    /// The training's settings as far as they are stored; always there in a training checkpoint.
    public var settings: Settings?
    /// The `Arithmetic` of the training by its raw value, which a newer dtrain may have added; nil in a generator, and in checkpoints
    /// from before it was kept.
    public var arithmetic: String?
    /// The steps of the training as it was planned at its first start; nil where its learning rate is constant.
    public var horizon: Int?
    /// All entries by id: `[UNK]`, then one Unicode scalar each, or `<00>`, `<01>` … `<ff>` for bytes.
    public var vocabulary: [String]
    /// The checksum of the text trained on; always there in a training checkpoint.
    public var corpusChecksum: String?
    /// The checksum of the file of held-out data; nil where there is none.
    public var validationChecksum: String?
    /// How far the training has come; always there in a training checkpoint.
    public var progress: TrainingProgress?

    /// The metadata of a checkpoint.
    package init(
        kind: Kind, model: ModelConfiguration, settings: Settings? = nil, arithmetic: String? = nil,
        horizon: Int? = nil, vocabulary: [String],
        corpusChecksum: String? = nil, validationChecksum: String? = nil, progress: TrainingProgress? = nil
    ) {
        self.kind = kind
        self.model = model
        self.settings = settings
        self.arithmetic = arithmetic
        self.horizon = horizon
        self.vocabulary = vocabulary
        self.corpusChecksum = corpusChecksum
        self.validationChecksum = validationChecksum
        self.progress = progress
    }

    /// The oldest format version with such a vocabulary: the first has only characters in ascending order.
    var formatVersion: Int {
        guard let vocabulary = try? Vocabulary(checking: vocabulary) else { return 1 }
        return vocabulary.tokenization == .characters && vocabulary.isAscending ? 1 : 2
    }

    /// Whether the vocabulary's entries are characters or bytes.
    private var tokenization: Tokenization? { (try? Vocabulary(checking: vocabulary))?.tokenization }

    /// What contradicts itself or is missing, nil when all is well.
    var problem: String? {
        if let problem = Self.vocabularyProblem(vocabulary, size: model.vocabularySize) { return problem }
        if let settings, settings[.tokens] != tokenization {
            return "was trained on \(settings[.tokens].rawValue), which its vocabulary doesn't have"
        }
        if kind == .training, settings == nil || progress == nil || corpusChecksum == nil {
            return "lacks the settings, the progress or the corpus checksum of its training"
        }
        if settings?.arePossible == false { return "has impossible training settings" }
        if let horizon, !(1...StepCount.mostSteps).contains(horizon) { return "plans \(horizon) steps" }
        if let progress {
            guard (0...TrainingProgress.maximumEpochs).contains(progress.epoch), progress.stepInEpoch >= 0,
                progress.step >= progress.stepInEpoch, progress.epochLosses.count == progress.epoch
            else { return "has an impossible training progress" }
            guard progress.lossSum.isFinite, progress.epochLosses.allSatisfy(\.isFinite) else {
                return "has a loss that is not finite"
            }
            if let problem = progress.validation?.problem(epochs: progress.epoch, step: progress.step) {
                return problem
            }
        }
        return nil
    }

    /// Why a model of that size can't have these entries, nil when it can.
    static func vocabularyProblem(_ vocabulary: [String], size: Int) -> String? {
        guard vocabulary.count == size else {
            return "has a vocabulary of \(vocabulary.count) entries for a model of \(size)"
        }
        do {
            _ = try Vocabulary(checking: vocabulary)
            return nil
        } catch {
            return "has a vocabulary that \(error.text)"
        }
    }
}
