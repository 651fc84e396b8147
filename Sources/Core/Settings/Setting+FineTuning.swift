// Settings of fine-tuning: the parts of a pretrained model that are trained.

extension Settings {
    /// The fine-tuning settings that checkpoints store.
    static let fineTuning: [any AnySetting] = [Setting.freeze]
}

extension Setting where Value == FrozenLayers {
    /// The layers whose weights are frozen.
    public static var freeze: Setting {
        Setting(
            "freeze", "Freeze these layers: embedding, the cell's name, gru_1, dense", default: .none,
            changesWeights: true, onResume: .mayChange, storedIn: .trainingUnlessDefault("freeze"),
            where: \.isValid)
    }
}
