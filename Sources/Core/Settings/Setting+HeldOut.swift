// Settings of held-out text, on which the loss is measured.

extension Settings {
    /// The held-out settings that checkpoints store; `validation-data` isn't one, since a file is
    /// identified by its checksum.
    static let heldOut: [any AnySetting] = [
        Setting.validationSplit, Setting.validateEverySteps, Setting.earlyStopping, Setting.minDelta,
    ]

    /// Whether some text is held out.
    package var holdsOut: Bool { self[.validationSplit] != nil || self[.validationData] != nil }
}

extension Setting where Value == Double? {
    /// The fraction of the text held out from its end; nil for none.
    public static var validationSplit: Setting {
        Setting(
            "validation-split", "Hold out this fraction of the text from its end", default: nil,
            changesWeights: true, onResume: .fixed, storedIn: .trainingUnlessDefault("validationSplit"),
            where: { $0.map { $0 > 0 && $0 < 1 } ?? true })
    }
}

extension Setting where Value == String? {
    /// The path of a held-out text; nil for none.
    public static var validationData: Setting {
        Setting("validation-data", "Measure the held-out loss on this text", default: nil)
    }
}

extension Setting where Value == Int? {
    /// The number of steps between held-out evaluations, in addition to the one after each epoch;
    /// nil for no extra ones.
    public static var validateEverySteps: Setting {
        optional(
            "validate-every-steps", "Also measure the held-out loss every N steps", key: "validateEverySteps")
    }

    /// The number of held-out evaluations without improvement after which training ends; nil to
    /// disable.
    public static var earlyStopping: Setting {
        optional(
            "early-stopping", "Stop after this many held-out evaluations without improvement", key: "earlyStopping")
    }

    private static func optional(_ name: String, _ summary: String, key: String) -> Setting {
        Setting(
            name, summary, default: nil, noValue: "off", onResume: .mayChange,
            storedIn: .trainingUnlessDefault(key), where: { $0.map { $0 > 0 } ?? true })
    }
}

extension Setting where Value == Double {
    /// The decrease of the held-out loss that an improvement must exceed.
    public static var minDelta: Setting {
        Setting(
            "min-delta", "A held-out loss that is lower by more than this counts as improvement", default: 0,
            onResume: .mayChange, storedIn: .trainingUnlessDefault("minDelta"), where: { $0 >= 0 && $0.isFinite })
    }
}
