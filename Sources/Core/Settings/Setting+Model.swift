// The sizes of a model.

extension Settings {
    /// The settings that checkpoints keep in `model`; the file's tensors have them, too.
    package static let modelSizes: [any AnySetting] = [
        Setting.cell, Setting.layers, Setting.embeddingDim, Setting.rnnUnits,
    ]

    /// Takes the sizes out, so that those of a file stand.
    mutating func removeModelSizes() {
        remove(.cell)
        remove(.layers)
        remove(.embeddingDim)
        remove(.rnnUnits)
    }

    /// The sizes of a model of which none is given.
    fileprivate static let defaultModel = ModelConfiguration(vocabularySize: 1)
}

extension Setting where Value == Cell {
    /// The kind of the recurrent layers.
    public static var cell: Setting {
        Setting(
            "cell", "Kind of recurrent layer", default: Settings.defaultModel.cell, changesWeights: true,
            onResume: .fixed,
            storedIn: .model(\ModelConfiguration.cell))
    }
}

extension Setting where Value == Int {
    /// Recurrent layers.
    public static var layers: Setting {
        Setting(
            "layers", "Recurrent layers", default: Settings.defaultModel.layers, changesWeights: true, onResume: .fixed,
            storedIn: .model(\ModelConfiguration.layers), where: { $0 > 0 })
    }

    /// Width of the embedding.
    public static var embeddingDim: Setting {
        Setting(
            "embedding-dim", "Width of the embedding", default: Settings.defaultModel.embeddingDim,
            changesWeights: true, onResume: .fixed,
            storedIn: .model(\ModelConfiguration.embeddingDim), where: { $0 > 0 })
    }

    /// Units of each recurrent layer.
    public static var rnnUnits: Setting {
        Setting(
            "rnn-units", "Units of each recurrent layer", default: Settings.defaultModel.rnnUnits, changesWeights: true,
            onResume: .fixed,
            storedIn: .model(\ModelConfiguration.rnnUnits), where: { $0 > 0 })
    }
}
