import DTrainCore

/// The vocabulary of another program's model, which may lack `[UNK]`.
struct ForeignVocabulary {
    /// The vocabulary, `[UNK]` included.
    let vocabulary: Vocabulary
    /// Whether the model has an id for `[UNK]`; without one, dtrain's ids are the model's plus one.
    let hasUnknown: Bool

    /// The remark on an added id.
    static let addedUnknown =
        "the model has no id for [UNK]: id 0 with probability 0 was added, and the other ids are one higher; "
        + "unknown characters raise its loss"
    /// The logit of an added `[UNK]`.
    ///
    /// Its probability is 0 in float32 if another logit is above 4. An unknown character costs
    /// about 100 nats, so a mean loss stays readable.
    private static let impossible: Float = -100
    private static let advice = "pass the model's list or training text as `vocabulary`"

    /// The vocabulary of a list or a text, which may leave out `[UNK]`.
    private struct Candidate {
        let vocabulary: Vocabulary
        let namesUnknown: Bool

        init(_ found: (vocabulary: Vocabulary, namesUnknown: Bool)) {
            (vocabulary, namesUnknown) = found
        }

        /// Whether it fits a model with that many ids.
        func fits(_ ids: Int) -> Bool { ids == vocabulary.size || ids == vocabulary.size - 1 && !namesUnknown }

        /// The numbers of ids that fit, for a message.
        var sizes: String {
            namesUnknown ? "\(vocabulary.size)" : "\(vocabulary.size - 1), or \(vocabulary.size) with [UNK],"
        }
    }

    /// Reads the vocabulary.
    ///
    /// - Parameters:
    ///   - path: a JSON list in the order of the ids, or the training text; nil for the list in the
    ///     weights' metadata.
    ///   - file: the weights.
    ///   - ids: the number of the model's ids.
    /// - Throws: `DTrainError` with `usage` if the vocabulary at `path` has another size or differs
    ///   from the metadata's, `badData` if there is none or it is invalid, `noInput` if it can't be
    ///   read.
    init(_ path: String?, of file: Safetensors, ids: Int) throws {
        let found = try path.map { try Self.given($0, of: file, ids: ids) } ?? Self.stored(in: file, ids: ids)
        vocabulary = found.vocabulary
        hasUnknown = ids == found.vocabulary.size
    }

    private static func given(_ path: String, of file: Safetensors, ids: Int) throws -> Candidate {
        let given = Candidate(try Vocabulary.file(path))
        // An invalid list in the metadata doesn't matter if a vocabulary is given.
        if let stored = try? stored(in: file, ids: ids), stored.vocabulary != given.vocabulary {
            throw DTrainError(
                .usage, "the vocabulary '\(path)' differs from that of '\(file.path)'", hint: "leave out `vocabulary`")
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
                .badData, "'\(file.path)' has no vocabulary for its \(ids) ids",
                hint: "pass a JSON list of their characters, or the training text, as `vocabulary`")
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
    /// Converts the model, and adds an id for `[UNK]` if it lacks one.
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

    /// Inserts an entry for id 0 into a tensor that has one for each id.
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
