// Settings of regularization: dropout and scheduled sampling.

extension Settings {
    /// The regularization settings that checkpoints store.
    static let regularization: [any AnySetting] = [
        Setting.dropout, Setting.recurrentDropout, Setting.scheduledSampling, Setting.scheduledSamplingRamp,
    ]

    /// The probability, in a given step, of drawing an input from the model's predictions; rises
    /// from 0 along the ramp.
    package func scheduledSampling(step: Int, stepsPerEpoch: Int) -> Double {
        let ramp = self[.scheduledSamplingRamp] * Double(stepsPerEpoch)
        return self[.scheduledSampling] * (Double(step) < ramp ? Double(step) / ramp : 1)
    }
}

extension Setting where Value == Double {
    /// The probability of dropping an input of an upper recurrent layer or of the dense layer.
    public static var dropout: Setting {
        probability("dropout", "Drop inputs of layers above the first", key: "dropout")
    }

    /// The probability of dropping a state in the recurrent matrix products.
    public static var recurrentDropout: Setting {
        probability("recurrent-dropout", "Drop states in the recurrent products", key: "recurrentDropout")
    }

    /// The probability, after the ramp, of drawing an input from the model's predictions.
    public static var scheduledSampling: Setting {
        Setting(
            "scheduled-sampling", "Draw inputs from the model's predictions with this probability", default: 0,
            changesWeights: true, onResume: .mayChange, storedIn: .trainingUnlessDefault("scheduledSampling"),
            where: { (0...1).contains($0) })
    }

    /// The number of epochs over which the probability of scheduled sampling rises from 0.
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
