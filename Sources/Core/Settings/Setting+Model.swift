// Settings of the model's sizes.

extension Settings {
    /// The settings that checkpoints store in `model`, and that can also be derived from the file's
    /// tensors.
    package static let modelSizes: [any AnySetting] = [
        Setting.cell, Setting.layers, Setting.embeddingDim, Setting.rnnUnits,
    ]

    /// Removes the sizes, so that those of a file apply.
    mutating func removeModelSizes() {
        remove(.cell)
        remove(.layers)
        remove(.embeddingDim)
        remove(.rnnUnits)
    }

    /// The default sizes of a model.
    fileprivate static let defaultModel = ModelConfiguration(vocabularySize: 1)
}

extension Setting where Value == Cell {
    /// The kind of recurrent layer.
    public static var cell: Setting {
        Setting(
            "cell", "Kind of recurrent layer", default: Settings.defaultModel.cell, changesWeights: true,
            onResume: .fixed,
            storedIn: .model(\ModelConfiguration.cell))
    }
}

extension Setting where Value == Int {
    /// The number of recurrent layers.
    public static var layers: Setting {
        Setting(
            "layers", "Recurrent layers", default: Settings.defaultModel.layers, changesWeights: true, onResume: .fixed,
            storedIn: .model(\ModelConfiguration.layers), where: { $0 > 0 })
    }

    /// The width of the embedding.
    public static var embeddingDim: Setting {
        Setting(
            "embedding-dim", "Width of the embedding", default: Settings.defaultModel.embeddingDim,
            changesWeights: true, onResume: .fixed,
            storedIn: .model(\ModelConfiguration.embeddingDim), where: { $0 > 0 })
    }

    /// The number of units in each recurrent layer.
    public static var rnnUnits: Setting {
        Setting(
            "rnn-units", "Units of each recurrent layer", default: Settings.defaultModel.rnnUnits, changesWeights: true,
            onResume: .fixed,
            storedIn: .model(\ModelConfiguration.rnnUnits), where: { $0 > 0 })
    }
}
