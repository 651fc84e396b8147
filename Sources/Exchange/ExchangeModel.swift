import DTrainCore

/// A model to exchange with another program: its sizes, vocabulary, and weights in dtrain's layout.
public struct ExchangeModel: Sendable {
    /// The names, shapes and offsets of the tensors.
    let layout: ParameterLayout
    /// The vocabulary, with an entry for each id of the model.
    public let vocabulary: Vocabulary
    /// The flat weights, `layout.count` of them.
    private let parameters: AlignedBuffer<Float>

    /// The model's sizes.
    public var configuration: ModelConfiguration { layout.configuration }

    /// Loads the model of a checkpoint, without the optimizer state.
    ///
    /// - Parameters:
    ///   - checkpoint: the checkpoint with the weights.
    ///   - vocabulary: the meaning of its ids.
    /// - Throws: `DTrainError` with `badData` if a weight isn't finite, `internal` if memory runs
    ///   out.
    public init(_ checkpoint: Checkpoint, vocabulary: Vocabulary) throws {
        layout = checkpoint.layout
        self.vocabulary = vocabulary
        parameters = try AlignedBuffer(count: layout.count)
        try checkpoint.load(parameters: parameters.pointer)
    }

    /// Creates a model from separate tensors.
    ///
    /// - Parameters:
    ///   - configuration: the sizes.
    ///   - vocabulary: an entry for each id of `configuration`.
    ///   - tensor: returns the elements of a tensor of the layout, row-major in its shape.
    /// - Throws: the errors of `tensor`; `DTrainError` with `internal` if memory runs out.
    init(
        _ configuration: ModelConfiguration, vocabulary: Vocabulary,
        tensor: (ParameterLayout.Tensor) throws -> [Float]
    ) throws {
        precondition(vocabulary.size == configuration.vocabularySize, "the vocabulary has an entry for each id")
        layout = ParameterLayout(configuration)
        self.vocabulary = vocabulary
        parameters = try AlignedBuffer(count: layout.count)
        for place in layout.tensors {
            let values = try tensor(place)
            precondition(values.count == place.count, "a tensor has the size of its shape")
            _ = parameters.elements[place.offset...].update(fromContentsOf: values)
        }
    }

    /// Writes the model as a generator, the input of `generate`, `evaluate`, `export` and `init`.
    ///
    /// - Parameters:
    ///   - folder: the folder for `generator.safetensors`, created if missing.
    ///   - overwrite: whether to replace an existing file.
    /// - Returns: the path of the file.
    /// - Throws: `DTrainError` with `usage` if the file exists and may not be replaced,
    ///   `inputOutput` if writing fails.
    @discardableResult
    public func save(to folder: String, overwrite: Bool = false) throws -> String {
        let target = try Checkpoint.generatorPath(in: folder, overwrite: overwrite)
        try Checkpoint.writeGenerator(
            to: target, vocabulary: vocabulary, layout: layout, parameters: parameters.pointer, overwrite: overwrite)
        return target
    }
}

extension ExchangeModel {
    /// A copy of a tensor as a matrix; a tensor of one dimension becomes a row.
    func matrix(_ name: String) throws -> Matrix {
        guard let tensor = layout.tensors.first(where: { $0.name == name }) else {
            throw DTrainError(.internal, "the model has no tensor '\(name)'; please report this")
        }
        let values = parameters.elements[tensor.offset..<tensor.offset + tensor.count]
        let columns = tensor.shape.last ?? 1
        return Matrix(rows: tensor.count / columns, columns: columns, values: Array(values))
    }

    /// A copy of a tensor of a recurrent layer.
    func matrix(_ tensor: Cell.Tensor, layer: Int) throws -> Matrix {
        try matrix(configuration.cell.name(of: tensor, layer: layer))
    }
}
