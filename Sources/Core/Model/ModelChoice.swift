/// What a user has said about a model's sizes; what is nil was left open.
public struct ModelChoice: Hashable, Sendable {
    /// The kind of the recurrent layers.
    public var cell: Cell?
    /// Recurrent layers.
    public var layers: Int?
    /// Width of the embedding.
    public var embeddingDim: Int?
    /// Units of each recurrent layer.
    public var rnnUnits: Int?

    /// Leaves open what isn't named.
    public init(cell: Cell? = nil, layers: Int? = nil, embeddingDim: Int? = nil, rnnUnits: Int? = nil) {
        self.cell = cell
        self.layers = layers
        self.embeddingDim = embeddingDim
        self.rnnUnits = rnnUnits
    }

    /// The model; the tutorial's sizes where they were left open.
    public func configuration(vocabularySize: Int) -> ModelConfiguration {
        var model = ModelConfiguration(vocabularySize: vocabularySize)
        model.cell = cell ?? model.cell
        model.layers = layers ?? model.layers
        model.embeddingDim = embeddingDim ?? model.embeddingDim
        model.rnnUnits = rnnUnits ?? model.rnnUnits
        return model
    }

    /// Each size by its flag, nil where it was left open.
    public var flags: [(name: String, value: String?)] {
        [
            ("--cell", cell?.rawValue), ("--layers", layers.map(String.init)),
            ("--embedding-dim", embeddingDim.map(String.init)), ("--rnn-units", rnnUnits.map(String.init)),
        ]
    }

    /// Refuses to contradict a file.
    ///
    /// - Throws: `DTrainError` with `usage` that names the first size that differs, and both values.
    public func requireAgreement(with model: ModelConfiguration, of path: String) throws {
        let stored = ModelChoice(
            cell: model.cell, layers: model.layers, embeddingDim: model.embeddingDim, rnnUnits: model.rnnUnits)
        for (old, new) in zip(stored.flags, flags) {
            guard let value = new.value, let size = old.value, value != size else { continue }
            throw DTrainError(
                .usage,
                "the model of '\(path)' has \(old.name) \(size), not \(value); leave the flag out, or start anew")
        }
    }
}
