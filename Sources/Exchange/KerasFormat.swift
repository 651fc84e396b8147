import DTrainCore

/// The weights of a Keras model of `Embedding`, `GRU`, `LSTM` or `SimpleRNN` layers and `Dense`, as
/// a safetensors file.
///
/// Names, shapes and the order of gates are dtrain's own (see `ParameterLayout`). The paths of
/// Keras's variables are read as well: `sequential/gru/gru_cell/kernel` is `gru.kernel`. Absent
/// biases (`use_bias=False`) are zeros.
///
/// Not supported: `Bidirectional`, and GRUs with `reset_after=False`, which are refused.
/// Activations other than Keras's defaults, and GRUs with `reset_after=False` and `use_bias=False`,
/// aren't detected because their weights look the same.
struct KerasFormat: ForeignWeights {
    private static let embedding = "embedding.embeddings"
    private static let denseKernel = "dense.kernel"
    private static let denseBias = "dense.bias"

    /// Reduces a variable's path to layer and tensor: drops the model's name and the cell's.
    static let spelling: @Sendable (String) -> String = { name in
        guard name.contains("/") else { return name }
        let words = name.split(whereSeparator: { $0 == "/" || $0 == "." }).map(String.init)
        let cells = Set(Cell.allCases.map { "\($0.layerName)_cell" })
        return words.filter { !cells.contains($0) }.suffix(2).joined(separator: ".")
    }

    let configuration: ModelConfiguration
    private let tensors: ForeignTensors

    init(_ tensors: ForeignTensors) throws {
        self.tensors = tensors
        // Checks the file's own names: a rule may have renamed one direction to a plain layer.
        if let name = tensors.file.names.filter(Self.isBidirectional).min() {
            throw tensors.file.unfit(
                "holds \(name.quotedForMessage) of a bidirectional layer, which reads the characters that it has to predict",
                advice: "train a model that reads forward only")
        }
        let cell = try Self.cell(of: tensors)
        let embedding = try tensors.matrixShape(Self.embedding)
        let recurrent = try tensors.matrixShape(cell.name(of: .recurrentKernel, layer: 0))
        var layers = 1
        while tensors.shape(cell.name(of: .recurrentKernel, layer: layers)) != nil { layers += 1 }
        configuration = ModelConfiguration(
            cell: cell, layers: layers, embeddingDim: embedding.columns, rnnUnits: recurrent.rows,
            vocabularySize: embedding.rows)
        try check()
    }

    var names: Set<String> { Set(ParameterLayout(configuration).tensors.map(\.name)) }

    var modules: [String] {
        ParameterLayout(configuration).tensors.reduce(into: []) { modules, tensor in
            let module = String(tensor.name.prefix { $0 != "." })
            if modules.last != module { modules.append(module) }
        }
    }

    /// Whether a tensor belongs to a `Bidirectional`, by the name of the layer or of its backward
    /// half.
    private static func isBidirectional(_ fileName: String) -> Bool {
        fileName.split(whereSeparator: { $0 == "/" || $0 == "." }).contains {
            $0.hasPrefix("bidirectional") || $0.hasPrefix("backward_")
        }
    }

    /// The kind of the recurrent cell, found by the name of its recurrent kernel.
    private static func cell(of tensors: ForeignTensors) throws -> Cell {
        let kernels = Cell.allCases.map { $0.name(of: .recurrentKernel, layer: 0) }
        let cells = zip(Cell.allCases, kernels).filter { tensors.shape($1) != nil }.map(\.0)
        guard let cell = cells.first else { throw tensors.missing(kernels) }
        guard cells.count == 1 else {
            throw tensors.file.unfit(
                "holds \(cells.map(\.layerClass).joined(separator: " and ")) layers; a dtrain model has one kind")
        }
        return cell
    }

    private func check() throws {
        let layout = ParameterLayout(configuration)
        for tensor in layout.tensors {
            switch tensor.role {
            case .recurrent(.bias, _): try checkBias(tensor)
            case .denseBias: try tensors.requireIfPresent(tensor.name, tensor.shape)
            default: try tensors.require(tensor.name, tensor.shape)
            }
        }
        let known = names
        let unexpected = tensors.names.filter { name in
            name.hasPrefix("\(configuration.cell.layerName)_") && !known.contains(name)
        }.min()
        if let unexpected {
            throw tensors.file.unfit("holds \(tensors.label(unexpected)), but lacks a layer below it")
        }
    }

    private func checkBias(_ tensor: ParameterLayout.Tensor) throws {
        if configuration.cell.biasRows == 2, tensors.shape(tensor.name)?.count == 1 {
            throw tensors.file.unfit(
                "holds \(tensors.label(tensor.name)) of a GRU with reset_after=False, which dtrain doesn't have",
                advice: "train it with reset_after=True")
        }
        try tensors.requireIfPresent(tensor.name, tensor.shape)
    }

    func matrix(_ tensor: ParameterLayout.Tensor) throws -> Matrix {
        let columns = tensor.shape.last ?? 1
        let rows = tensor.count / columns
        guard tensors.shape(tensor.name) != nil else { return .zeros(rows: rows, columns: columns) }
        return try tensors.matrix(tensor.name, rows: rows, columns: columns, isVector: tensor.shape.count == 1)
    }
}

extension KerasFormat {
    /// A model's tensors, under dtrain's own names and shapes.
    static func tensors(of model: ExchangeModel) throws -> [TensorFile.Tensor] {
        try model.layout.tensors.map { tensor in
            let matrix = try model.matrix(tensor.name)
            return tensor.shape.count == 1
                ? TensorFile.Tensor(tensor.name, vector: matrix.values) : TensorFile.Tensor(tensor.name, matrix)
        }
    }
}
