extension Settings {
    /// The settings that a checkpoint stores in `training`, with their values, given or default.
    package var stored: Settings {
        var stored = Settings()
        for setting in Self.training { setting.copyStored(from: self, to: &stored) }
        return stored
    }

    /// The model configuration that these settings describe.
    ///
    /// - Parameter vocabularySize: the number of vocabulary entries, including `[UNK]`.
    package func model(vocabularySize: Int) -> ModelConfiguration {
        var model = ModelConfiguration(vocabularySize: vocabularySize)
        for size in Self.modelSizes { size.write(self, to: &model) }
        return model
    }

    /// Whether all values are valid.
    var areValid: Bool { (Self.modelSizes + Self.training).allSatisfy { $0.isValid(in: self) } }

    /// Checks that all values are valid and that the settings don't contradict each other.
    ///
    /// - Parameter given: the settings given for this start; nil if these are all given.
    /// - Throws: `DTrainError` with `usage` that names the first problem.
    package func requireValid(given: Settings? = nil) throws {
        try requireValid(Self.modelSizes + Self.training)
        try requireConsistent(given: given ?? self)
    }

    /// Checks that the values of the settings in a table are valid.
    ///
    /// - Throws: `DTrainError` with `usage` that names the first invalid one.
    package func requireValid(_ table: [any AnySetting]) throws {
        guard let bad = table.first(where: { !$0.isValid(in: self) }) else { return }
        throw DTrainError(.usage, "`\(bad.name)` \(bad.text(in: self)) is out of range", hint: "give another value")
    }
}

/// The form stored in a checkpoint's `training`: given settings under their keys.
extension Settings: Codable {
    /// Decodes the known keys; settings without a key count as not given.
    public init(from decoder: any Decoder) throws {
        self.init()
        let container = try decoder.container(keyedBy: SettingKey.self)
        for setting in Self.training { try setting.decode(container, into: &self) }
    }

    /// Encodes the given settings.
    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: SettingKey.self)
        for setting in Self.training { try setting.encode(self, to: &container) }
    }
}
