// What keeps a model from learning its text by heart, or from knowing nothing but the truth.

extension Settings {
    /// The settings of dropout and scheduled sampling that checkpoints keep.
    static let regularization: [any AnySetting] = [
        Setting.dropout, Setting.recurrentDropout, Setting.scheduledSampling, Setting.scheduledSamplingRamp,
    ]

    /// The probability of a step that an input is drawn from the model's predictions: rises from 0 along the ramp.
    package func scheduledSampling(step: Int, stepsPerEpoch: Int) -> Double {
        let ramp = self[.scheduledSamplingRamp] * Double(stepsPerEpoch)
        return self[.scheduledSampling] * (Double(step) < ramp ? Double(step) / ramp : 1)
    }
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

    /// The probability, at the end of the ramp, that an input is drawn from the model's own predictions.
    public static var scheduledSampling: Setting {
        Setting(
            "scheduled-sampling", "Draw inputs from the model's predictions with this probability", default: 0,
            changesWeights: true, onResume: .mayChange, storedIn: .trainingUnlessDefault("scheduledSampling"),
            where: { (0...1).contains($0) })
    }

    /// The epochs over which the probability of scheduled sampling rises from 0.
    public static var scheduledSamplingRamp: Setting {
        Setting(
            "scheduled-sampling-ramp", "Epochs over which scheduled sampling rises from 0", default: 10,
            changesWeights: true, onResume: .mayChange, storedIn: .trainingUnlessDefault("scheduledSamplingRamp"),
            where: { $0 >= 0 && $0.isFinite })
    }

    private static func probability(_ name: String, _ summary: String, key: String) -> Setting {
        Setting(
            name, "\(summary) with this probability", default: 0, changesWeights: true, onResume: .mayChange,
            storedIn: .trainingUnlessDefault(key), where: { (0..<1).contains($0) })
    }
}
