// What of a model with given weights is trained.

extension Settings {
    /// The settings of fine-tuning that checkpoints keep.
    static let fineTuning: [any AnySetting] = [Setting.freeze]
}

extension Setting where Value == FrozenLayers {
    /// The layers whose weights stay as they are.
    public static var freeze: Setting {
        Setting(
            "freeze", "Leave these layers as they are: embedding, the cell's name, gru_1, dense", default: .none,
            changesWeights: true, onResume: .mayChange, storedIn: .trainingUnlessDefault("freeze"),
            where: \.isPossible)
    }
}
