// Text that is held out of the training, to measure the loss on.

extension Settings {
    /// The settings of held-out data that checkpoints keep; `validation-data` is not one: of a file, its checksum counts.
    static let heldOut: [any AnySetting] = [
        Setting.validationSplit, Setting.validateEverySteps, Setting.earlyStopping, Setting.minDelta,
    ]

    /// Whether some text is held out.
    package var holdsOut: Bool { self[.validationSplit] != nil || self[.validationData] != nil }
}

extension Setting where Value == Double? {
    /// The part of the text, at its end, that is held out; nil for none.
    public static var validationSplit: Setting {
        Setting(
            "validation-split", "Hold out this fraction of the text, at its end", default: nil,
            changesWeights: true, onResume: .fixed, storedIn: .trainingUnlessDefault("validationSplit"),
            where: { $0.map { $0 > 0 && $0 < 1 } ?? true })
    }
}

extension Setting where Value == String? {
    /// A text to measure the loss on; nil for none.
    public static var validationData: Setting {
        Setting("validation-data", "Measure the held-out loss on this text", default: nil)
    }
}

extension Setting where Value == Int? {
    /// Steps between measurements of the held-out loss, beside those at the end of each epoch; nil for none.
    public static var validateEverySteps: Setting {
        optional(
            "validate-every-steps", "Also measure the held-out loss every so many steps", key: "validateEverySteps")
    }

    /// Measurements without a lower held-out loss after which the training ends; nil for no such end.
    public static var earlyStopping: Setting {
        optional(
            "early-stopping", "Stop after this many held-out losses without a new least one", key: "earlyStopping")
    }

    private static func optional(_ name: String, _ summary: String, key: String) -> Setting {
        Setting(
            name, summary, default: nil, noValue: "off", onResume: .mayChange,
            storedIn: .trainingUnlessDefault(key), where: { $0.map { $0 > 0 } ?? true })
    }
}

extension Setting where Value == Double {
    /// By how much a held-out loss must be lower to count as such.
    public static var minDelta: Setting {
        Setting(
            "min-delta", "Least decrease of the held-out loss that counts", default: 0, onResume: .mayChange,
            storedIn: .trainingUnlessDefault("minDelta"), where: { $0 >= 0 && $0.isFinite })
    }
}
