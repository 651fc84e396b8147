import DTrainCore

/// The weights of a PyTorch module with `embedding` (`nn.Embedding`), `rnn` (`nn.GRU`, `nn.LSTM` or
/// `nn.RNN`) and `head` (`nn.Linear`), as a safetensors file.
///
/// With V ids, an embedding of E, H units, G gates:
///
///     embedding.weight [V, E]
///     rnn.weight_ih_l0 [G·H, E]   rnn.weight_hh_l0 [G·H, H]   (l1, l2 … above)
///     rnn.bias_ih_l0 [G·H]        rnn.bias_hh_l0 [G·H]
///     head.weight [V, H]          head.bias [V]
///
/// Not supported: bidirectional layers, projections and pickles, which are refused. RNNs with ReLU
/// aren't detected because their weights look like those with tanh.
struct PyTorchFormat: ForeignWeights {
    /// PyTorch's order of gates in rows; h is PyTorch's n, c its g.
    private static let gates: [Cell: String] = [.gru: "rzh", .lstm: "ifco", .simpleRNN: "h"]

    /// One of a layer's four tensors.
    private enum Part: String, CaseIterable {
        case weightIH = "weight_ih"
        case weightHH = "weight_hh"
        case biasIH = "bias_ih"
        case biasHH = "bias_hh"

        func name(layer: Int) -> String { "rnn.\(rawValue)_l\(layer)" }
    }

    private static let embedding = "embedding.weight"
    private static let headWeight = "head.weight"
    private static let headBias = "head.bias"

    static let spelling: @Sendable (String) -> String = { $0 }

    let configuration: ModelConfiguration
    private let tensors: ForeignTensors
    private let gates: String

    init(_ tensors: ForeignTensors) throws {
        self.tensors = tensors
        try Self.refuseOtherModules(tensors)
        let embedding = try tensors.matrixShape(Self.embedding)
        let recurrent = try tensors.matrixShape(Part.weightHH.name(layer: 0))
        guard let (cell, gates) = Self.gates.first(where: { recurrent.rows == $0.value.count * recurrent.columns })
        else {
            throw tensors.file.unfit(
                "holds \(tensors.label(Part.weightHH.name(layer: 0))) in shape [\(recurrent.rows), \(recurrent.columns)], which "
                    + "fits no GRU [3·H, H], LSTM [4·H, H] or RNN [H, H]")
        }
        var layers = 1
        while tensors.shape(Part.weightHH.name(layer: layers)) != nil { layers += 1 }
        self.gates = gates
        configuration = ModelConfiguration(
            cell: cell, layers: layers, embeddingDim: embedding.columns, rnnUnits: recurrent.columns,
            vocabularySize: embedding.rows)
        try check()
    }

    var names: Set<String> {
        let layers = (0..<configuration.layers).flatMap { layer in Part.allCases.map { $0.name(layer: layer) } }
        return Set(layers + [Self.embedding, Self.headWeight, Self.headBias])
    }

    let modules = ["embedding", "rnn", "head"]

    /// Refuses layers that dtrain doesn't support, found by their names.
    private static func refuseOtherModules(_ tensors: ForeignTensors) throws {
        for name in tensors.names.sorted() {
            if name.hasSuffix("_reverse") {
                throw tensors.file.unfit(
                    "holds \(tensors.label(name)) of a bidirectional layer, which reads the characters that it has to predict",
                    advice: "train a model that reads forward only")
            }
            if name.split(separator: ".").last?.hasPrefix("weight_hr_l") == true {
                throw tensors.file.unfit(
                    "holds \(tensors.label(name)) of an LSTM with projections (proj_size), which dtrain doesn't support"
                )
            }
        }
    }

    /// Checks all shapes, and that no layer follows a missing one.
    private func check() throws {
        let (units, ids) = (configuration.rnnUnits, configuration.vocabularySize)
        let rows = gates.count * units
        for layer in 0..<configuration.layers {
            try tensors.require(Part.weightIH.name(layer: layer), [rows, inputDim(layer)])
            try tensors.require(Part.weightHH.name(layer: layer), [rows, units])
            for bias in [Part.biasIH, .biasHH] { try tensors.requireIfPresent(bias.name(layer: layer), [rows]) }
        }
        try tensors.require(Self.embedding, [ids, configuration.embeddingDim])
        try tensors.require(Self.headWeight, [ids, units])
        try tensors.requireIfPresent(Self.headBias, [ids])
        let known = names
        if let unexpected = tensors.names.filter({ $0.hasPrefix("rnn.") && !known.contains($0) }).min() {
            throw tensors.file.unfit(
                "holds \(tensors.label(unexpected)), which follows a missing layer, or belongs to no nn.GRU, nn.LSTM or nn.RNN"
            )
        }
    }

    private func inputDim(_ layer: Int) -> Int { layer == 0 ? configuration.embeddingDim : configuration.rnnUnits }

    func matrix(_ tensor: ParameterLayout.Tensor) throws -> Matrix {
        let (units, ids) = (configuration.rnnUnits, configuration.vocabularySize)
        switch tensor.role {
        case .embeddings:
            return try tensors.matrix(Self.embedding, rows: ids, columns: configuration.embeddingDim)
        case .recurrent(let part, let layer): return try recurrent(part, layer)
        case .denseKernel: return try tensors.matrix(Self.headWeight, rows: ids, columns: units).transposed
        case .denseBias: return try tensors.rowIfPresent(Self.headBias, count: ids) ?? .zeros(rows: 1, columns: ids)
        }
    }

    private func recurrent(_ part: Cell.Tensor, _ layer: Int) throws -> Matrix {
        let rows = gates.count * configuration.rnnUnits
        func kernel(_ part: Part, columns: Int) throws -> Matrix {
            try dtrainOrder(tensors.matrix(part.name(layer: layer), rows: rows, columns: columns).transposed)
        }
        switch part {
        case .kernel: return try kernel(.weightIH, columns: inputDim(layer))
        case .recurrentKernel: return try kernel(.weightHH, columns: configuration.rnnUnits)
        case .bias:
            let input = try tensors.rowIfPresent(Part.biasIH.name(layer: layer), count: rows)
            let state = try tensors.rowIfPresent(Part.biasHH.name(layer: layer), count: rows)
            let zeros = Matrix.zeros(rows: 1, columns: rows)
            guard configuration.cell.biasRows == 1 else {
                return try dtrainOrder((state ?? zeros).withFirstRow((input ?? zeros).values))
            }
            return try dtrainOrder(sum(input ?? zeros, state ?? zeros, layer: layer))
        }
    }

    private func dtrainOrder(_ matrix: Matrix) throws -> Matrix {
        try matrix.regrouped(from: gates, to: GateOrder.dtrainOrder(configuration.cell))
    }

    /// Sums two rows; adding 0 keeps the sign of a zero.
    ///
    /// - Throws: `DTrainError` with `badData` if a sum isn't finite.
    private func sum(_ a: Matrix, _ b: Matrix, layer: Int) throws -> Matrix {
        let values = zip(a.values, b.values).map { $1 == 0 ? $0 : $0 + $1 }
        guard values.allSatisfy(\.isFinite) else {
            let (first, second) = (Part.biasIH.name(layer: layer), Part.biasHH.name(layer: layer))
            throw tensors.file.unfit(
                "holds \(tensors.label(first)) and \(tensors.label(second)), whose sum is not a finite float32 number")
        }
        return Matrix(rows: 1, columns: a.columns, values: values)
    }
}

extension PyTorchFormat {
    /// A model's tensors under PyTorch's names and in its layout.
    static func tensors(of model: ExchangeModel) throws -> [TensorFile.Tensor] {
        let cell = model.configuration.cell
        let (ours, gates) = try (GateOrder.dtrainOrder(cell), GateOrder.require(gates[cell], of: cell, in: "PyTorch"))
        func theirs(_ matrix: Matrix) -> Matrix { matrix.regrouped(from: ours, to: gates) }
        var tensors = [TensorFile.Tensor(embedding, try model.matrix("embedding.embeddings"))]
        for layer in 0..<model.configuration.layers {
            let bias = theirs(try model.matrix(.bias, layer: layer))
            // dtrain's LSTM and RNN have one bias: PyTorch's first. The second is 0.
            let second =
                bias.rows == 2
                ? Array(bias.values[bias.columns...]) : Matrix.zeros(rows: 1, columns: bias.columns).values
            tensors += try [
                .init(Part.weightIH.name(layer: layer), theirs(model.matrix(.kernel, layer: layer)).transposed),
                .init(
                    Part.weightHH.name(layer: layer), theirs(model.matrix(.recurrentKernel, layer: layer)).transposed),
                .init(Part.biasIH.name(layer: layer), vector: Array(bias.values[..<bias.columns])),
                .init(Part.biasHH.name(layer: layer), vector: second),
            ]
        }
        return try tensors + [
            .init(headWeight, model.matrix("dense.kernel").transposed),
            .init(headBias, vector: model.matrix("dense.bias").values),
        ]
    }
}
