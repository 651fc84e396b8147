/// The cell and sizes of a character model: Embedding(V, E) → 1…N recurrent layers of H units →
/// Dense(V).
public struct ModelConfiguration: Hashable, Sendable, Codable {
    /// The kind of the recurrent layers.
    public var cell: Cell
    /// The number of recurrent layers, at least 1.
    public var layers: Int
    /// E, the width of the embedding.
    public var embeddingDim: Int
    /// H, the units of each recurrent layer.
    public var rnnUnits: Int
    /// V, the size of the vocabulary, including `[UNK]`.
    public var vocabularySize: Int

    /// Creates a model's configuration; the defaults are those of the TensorFlow tutorial.
    public init(
        cell: Cell = .gru, layers: Int = 1, embeddingDim: Int = 256, rnnUnits: Int = 1024, vocabularySize: Int
    ) {
        self.cell = cell
        self.layers = layers
        self.embeddingDim = embeddingDim
        self.rnnUnits = rnnUnits
        self.vocabularySize = vocabularySize
    }
}

extension ModelConfiguration {
    /// Checks that all sizes are in range.
    /// - Throws: `DTrainError` with `usage`.
    func check() throws {
        let sizes = [
            ("number of layers", layers, 1000), ("embedding dimension", embeddingDim, 1 << 20),
            ("number of units", rnnUnits, 1 << 20), ("vocabulary size", vocabularySize, 1 << 16),
        ]
        for (name, size, limit) in sizes where !(1...limit).contains(size) {
            throw DTrainError(.usage, "the model's \(name) is \(size); give 1 to \(limit)")
        }
    }
}
