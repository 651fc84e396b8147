import DTrainCore

/// What the ids of another program's model mean, and whether id 0 is `[UNK]` there.
struct ForeignVocabulary {
    /// The vocabulary, `[UNK]` included.
    let vocabulary: Vocabulary
    /// Whether the model has an id for `[UNK]`; where it lacks one, dtrain's ids are by one above the model's.
    let hasUnknown: Bool

    /// What is said where an id was added.
    static let addedUnknown =
        "the model has no id for [UNK]: id 0 was added for it, with a probability of 0, and the others are one higher; "
        + "characters that it lacks count against it"
    /// The logit of an `[UNK]` that the model doesn't have.
    ///
    /// Its probability is 0 in float32 where another logit is above 4, and a character that the model lacks costs about 100 nats: a
    /// mean loss stays readable.
    private static let impossible: Float = -100
    private static let advice = "pass the list or text it was trained with as `vocabulary`"

    /// A list of characters or a text, which may leave out `[UNK]`.
    private struct Candidate {
        let vocabulary: Vocabulary
        let namesUnknown: Bool

        init(_ found: (vocabulary: Vocabulary, namesUnknown: Bool)) {
            (vocabulary, namesUnknown) = found
        }

        /// Whether a model with that many ids can have it.
        func fits(_ ids: Int) -> Bool { ids == vocabulary.size || ids == vocabulary.size - 1 && !namesUnknown }

        /// The numbers of ids that it fits, for a message.
        var sizes: String {
            namesUnknown ? "\(vocabulary.size)" : "\(vocabulary.size - 1), or \(vocabulary.size) with [UNK],"
        }
    }

    /// Finds out what the ids mean.
    ///
    /// - Parameters:
    ///   - path: a JSON list in the order of the ids, or the text trained on; nil for what the weights' metadata says.
    ///   - file: the weights.
    ///   - ids: the ids that the model has.
    /// - Throws: `DTrainError` with `usage` when the vocabulary at `path` has another size or isn't the one in the metadata, `badData`
    ///   when there is none or it is unfit, `noInput` when it can't be read.
    init(_ path: String?, of file: Safetensors, ids: Int) throws {
        let found = try path.map { try Self.given($0, of: file, ids: ids) } ?? Self.stored(in: file, ids: ids)
        vocabulary = found.vocabulary
        hasUnknown = ids == found.vocabulary.size
    }

    private static func given(_ path: String, of file: Safetensors, ids: Int) throws -> Candidate {
        let given = Candidate(try Vocabulary.file(path))
        // One in the metadata that can't be used is no reason to refuse this one.
        if let stored = try? stored(in: file, ids: ids), stored.vocabulary != given.vocabulary {
            throw DTrainError(
                .usage, "the given vocabulary is not the one that '\(file.path)' holds", hint: "leave out `vocabulary`")
        }
        guard given.fits(ids) else {
            throw DTrainError(
                .usage,
                "the vocabulary '\(path)' has \(given.sizes) entries, but the model of '\(file.path)' has \(ids) ids",
                hint: advice)
        }
        return given
    }

    private static func stored(in file: Safetensors, ids: Int) throws -> Candidate {
        guard let stored = try CheckpointMetadata.foreignVocabulary(of: file, size: ids).map(Candidate.init) else {
            throw DTrainError(
                .badData, "'\(file.path)' doesn't say which characters its \(ids) ids mean",
                hint: "name a JSON list of them, or the text that it was trained on, with `vocabulary`")
        }
        guard stored.fits(ids) else {
            throw DTrainError(
                .badData, "the vocabulary of '\(file.path)' has \(stored.sizes) entries, but its model has \(ids) ids",
                hint: advice)
        }
        return stored
    }
}

extension ForeignVocabulary {
    /// The model with this vocabulary: with an id for `[UNK]`, which it may lack.
    func model(_ weights: any ForeignWeights) throws -> ExchangeModel {
        var configuration = weights.configuration
        configuration.vocabularySize = vocabulary.size
        let foreign = Dictionary(
            uniqueKeysWithValues: ParameterLayout(weights.configuration).tensors.map { ($0.name, $0) })
        return try ExchangeModel(configuration, vocabulary: vocabulary) { tensor in
            guard let source = foreign[tensor.name] else { return [] }
            let matrix = try weights.matrix(source)
            return hasUnknown ? matrix.values : Self.extended(matrix, as: tensor.role).values
        }
    }

    /// A tensor with a place for id 0 before the others, where it has one for each id.
    private static func extended(_ matrix: Matrix, as role: ParameterLayout.Tensor.Role) -> Matrix {
        func withFirstColumn(_ value: Float) -> Matrix {
            matrix.transposed.withFirstRow([Float](repeating: value, count: matrix.rows)).transposed
        }
        return switch role {
        case .embeddings: matrix.withFirstRow([Float](repeating: 0, count: matrix.columns))
        case .recurrent: matrix
        case .denseKernel: withFirstColumn(0)
        case .denseBias: withFirstColumn(impossible)
        }
    }
}
