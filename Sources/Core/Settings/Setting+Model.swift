// The sizes of a model.

extension Settings {
    /// The settings that checkpoints keep in `model`; the file's tensors have them, too.
    package static let modelSizes: [any AnySetting] = [
        Setting.cell, Setting.layers, Setting.embeddingDim, Setting.rnnUnits,
    ]
}

extension Setting where Value == Cell {
    /// The kind of the recurrent layers.
    public static var cell: Setting {
        Setting(
            "cell", "Kind of recurrent layer", default: .gru, changesWeights: true, onResume: .fixed,
            storedIn: .model(\ModelConfiguration.cell))
    }
}

extension Setting where Value == Int {
    /// Recurrent layers.
    public static var layers: Setting {
        Setting(
            "layers", "Recurrent layers", default: 1, changesWeights: true, onResume: .fixed,
            storedIn: .model(\ModelConfiguration.layers), where: { $0 > 0 })
    }

    /// Width of the embedding.
    public static var embeddingDim: Setting {
        Setting(
            "embedding-dim", "Width of the embedding", default: 256, changesWeights: true, onResume: .fixed,
            storedIn: .model(\ModelConfiguration.embeddingDim), where: { $0 > 0 })
    }

    /// Units of each recurrent layer.
    public static var rnnUnits: Setting {
        Setting(
            "rnn-units", "Units of each recurrent layer", default: 1024, changesWeights: true, onResume: .fixed,
            storedIn: .model(\ModelConfiguration.rnnUnits), where: { $0 > 0 })
    }
}
