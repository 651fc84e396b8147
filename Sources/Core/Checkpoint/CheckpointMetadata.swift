/// The metadata of a checkpoint.
public struct CheckpointMetadata: Hashable, Sendable {
    /// The purpose of a checkpoint.
    public enum Kind: String, Hashable, Sendable {
        /// A checkpoint to resume from, with settings, progress, corpus checksum and optimizer
        /// slots.
        case training
        /// A model to generate text with: only weights and vocabulary.
        case generator
    }

    /// The purpose of the checkpoint.
    public var kind: Kind
    /// The model's sizes.
    public var model: ModelConfiguration
    /// The stored settings of the run; never nil in a training checkpoint.
    public var settings: Settings?
    /// The raw value of the run's `Arithmetic`, possibly one that only a newer dtrain has.
    ///
    /// It is nil in a generator, and in checkpoints of versions that didn't store it.
    public var arithmetic: String?
    /// The number of steps planned when the run first started; nil if the learning rate is
    /// constant.
    public var horizon: Int?
    /// All tokens by id: `[UNK]`, then single Unicode scalars, or `<00>`, `<01>` … `<ff>` for
    /// bytes.
    public var vocabulary: [String]
    /// The checksum of the training text; never nil in a training checkpoint.
    public var corpusChecksum: String?
    /// The checksum of the held-out file; nil if there is none.
    public var validationChecksum: String?
    /// The progress of the run; never nil in a training checkpoint.
    public var progress: TrainingProgress?

    /// Creates metadata.
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

    /// The oldest format version that can represent the vocabulary; version 1 has only characters
    /// in ascending order.
    var formatVersion: Int {
        guard let vocabulary = try? Vocabulary(checking: vocabulary) else { return 1 }
        return vocabulary.tokenization == .characters && vocabulary.isAscending ? 1 : 2
    }

    /// Whether the vocabulary's entries are characters or bytes; nil if it is invalid.
    private var tokenization: Tokenization? { (try? Vocabulary(checking: vocabulary))?.tokenization }

    /// An inconsistency or a missing part, phrased to follow the file's name; nil if there is none.
    var problem: String? {
        if let problem = Self.vocabularyProblem(vocabulary, size: model.vocabularySize) { return problem }
        if let settings, settings[.tokens] != tokenization {
            return "was trained on \(settings[.tokens].rawValue), but its vocabulary is of another kind"
        }
        if kind == .training, settings == nil || progress == nil || corpusChecksum == nil {
            return "lacks the settings, the progress or the corpus checksum of its training"
        }
        if settings?.areValid == false { return "has invalid training settings" }
        if let horizon, !(1...StepCount.maximumSteps).contains(horizon) {
            return "has an invalid horizon of \(horizon) steps"
        }
        if let progress {
            guard (0...TrainingProgress.maximumEpochs).contains(progress.epoch), progress.stepInEpoch >= 0,
                progress.step >= progress.stepInEpoch, progress.epochLosses.count == progress.epoch
            else { return "has an invalid training progress" }
            guard progress.lossSum.isFinite, progress.epochLosses.allSatisfy(\.isFinite) else {
                return "has a loss that is not finite"
            }
            let problem = progress.validation?.problem(
                epochs: progress.epoch, step: progress.step, stepInEpoch: progress.stepInEpoch)
            if let problem { return problem }
        }
        return nil
    }

    /// Why a model of the given size can't have this vocabulary; nil if it can.
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
