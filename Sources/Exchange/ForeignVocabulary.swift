import DTrainCore

/// What the ids of another program's model mean, and whether id 0 is `[UNK]` there.
struct ForeignVocabulary {
    /// The vocabulary, `[UNK]` included.
    let vocabulary: Vocabulary
    /// Whether the model has an id for `[UNK]`; where it lacks one, dtrain's ids are by one above the model's.
    let hasUnknown: Bool

    /// What is said where an id was added.
    static let addedUnknown =
        "the model has no id for [UNK]: id 0 was added for it, with a probability of 0, and the others are one higher"
    /// The logit of an `[UNK]` that the model doesn't have: in single precision its probability is 0 beside any other.
    private static let impossible: Float = -10_000

    /// Finds out what the ids mean.
    ///
    /// - Parameters:
    ///   - path: a JSON list in the order of the ids, or the text trained on; nil for what the weights' metadata says.
    ///   - file: the weights.
    ///   - ids: the ids that the model has.
    /// - Throws: `DTrainError` with `usage` when the vocabulary has another size, `badData` when there is none or it is unfit, `noInput`
    ///   when it can't be read.
    init(_ path: String?, of file: Safetensors, ids: Int) throws {
        guard let path else {
            guard file.metadata["vocabulary"] != nil else {
                throw DTrainError(
                    .badData, "'\(file.path)' doesn't say which characters its \(ids) ids mean",
                    hint: "name a JSON list of them, or the text that it was trained on, with `vocabulary`")
            }
            vocabulary = try Vocabulary(tokens: CheckpointMetadata.vocabulary(of: file, size: ids))
            hasUnknown = true
            return
        }
        let (found, namesUnknown) = try Vocabulary.file(path)
        guard ids == found.size || ids == found.size - 1 && !namesUnknown else {
            let choice = namesUnknown ? "\(found.size)" : "\(found.size - 1), or \(found.size) with [UNK]"
            throw DTrainError(
                .usage,
                "the vocabulary '\(path)' has \(choice) entries, but the model of '\(file.path)' has \(ids) ids",
                hint: "name the list or text that it was trained with, with `vocabulary`")
        }
        vocabulary = found
        hasUnknown = ids == found.size
    }

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
