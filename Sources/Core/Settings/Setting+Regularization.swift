// What keeps a model from learning its text by heart.

extension Settings {
    /// The settings of dropout that checkpoints keep.
    static let regularization: [any AnySetting] = [Setting.dropout, Setting.recurrentDropout]
}

extension Setting where Value == Double {
    /// The probability that an input of an upper recurrent layer or of the dense layer is dropped.
    public static var dropout: Setting {
        probability("dropout", "Drop inputs of layers above the first", key: "dropout")
    }

    /// The probability that a state is dropped as an operand of the recurrent product.
    public static var recurrentDropout: Setting {
        probability("recurrent-dropout", "Drop states in the recurrent products", key: "recurrentDropout")
    }

    private static func probability(_ name: String, _ summary: String, key: String) -> Setting {
        Setting(
            name, "\(summary) with this probability", default: 0, changesWeights: true, onResume: .mayChange,
            storedIn: .trainingUnlessDefault(key), where: { (0..<1).contains($0) })
    }
}
