import DTrainCore

/// A model on its way between dtrain and another program: sizes, the meaning of the ids, weights in dtrain's own layout.
public struct ExchangeModel: Sendable {
    /// The tensors by name and place.
    let layout: ParameterLayout
    /// What the ids mean; as many entries as the model has ids.
    public let vocabulary: Vocabulary
    /// The flat weights, `layout.count` of them.
    private let parameters: AlignedBuffer<Float>

    /// The model's sizes.
    public var configuration: ModelConfiguration { layout.configuration }

    /// The model of a checkpoint, without the optimiser's state.
    ///
    /// - Parameters:
    ///   - checkpoint: where the weights are.
    ///   - vocabulary: what its ids mean.
    /// - Throws: `DTrainError` with `badData` when a weight isn't finite, `internal` when memory runs out.
    public init(_ checkpoint: Checkpoint, vocabulary: Vocabulary) throws {
        layout = checkpoint.layout
        self.vocabulary = vocabulary
        parameters = try AlignedBuffer(count: layout.count)
        try checkpoint.load(parameters: parameters.pointer)
    }

    /// A model whose tensors are given one by one.
    ///
    /// - Parameters:
    ///   - configuration: the sizes.
    ///   - vocabulary: as many entries as `configuration` has ids.
    ///   - tensor: the elements of a tensor of the layout, row-major in its shape.
    /// - Throws: what `tensor` throws; `DTrainError` with `internal` when memory runs out.
    init(
        _ configuration: ModelConfiguration, vocabulary: Vocabulary,
        tensor: (ParameterLayout.Tensor) throws -> [Float]
    ) throws {
        precondition(vocabulary.size == configuration.vocabularySize, "each id has a meaning")
        layout = ParameterLayout(configuration)
        self.vocabulary = vocabulary
        parameters = try AlignedBuffer(count: layout.count)
        for place in layout.tensors {
            let values = try tensor(place)
            precondition(values.count == place.count, "a tensor fills its place")
            _ = parameters.elements[place.offset...].update(fromContentsOf: values)
        }
    }

    /// Writes the model as a generator: what `generate`, `evaluate`, `export` and `init` take.
    ///
    /// - Parameters:
    ///   - folder: where `generator.safetensors` goes; created when missing.
    ///   - overwrite: whether a file that is there may be replaced.
    /// - Returns: the path of the file.
    /// - Throws: `DTrainError` with `usage` when it exists and may not be replaced, `inputOutput` when writing fails.
    @discardableResult
    public func save(to folder: String, overwrite: Bool = false) throws -> String {
        let target = try Checkpoint.generatorPath(in: folder, overwrite: overwrite)
        try Checkpoint.writeGenerator(
            to: target, vocabulary: vocabulary, layout: layout, parameters: parameters.pointer, overwrite: overwrite)
        return target
    }
}

extension ExchangeModel {
    /// A copy of a tensor as a matrix; a tensor of one dimension is one row.
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
