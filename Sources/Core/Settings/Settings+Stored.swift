extension Settings {
    /// What a checkpoint of a training with these settings keeps in `training`: each with its value, given or not.
    package var stored: Settings {
        var stored = Settings()
        for setting in Self.training { setting.copyStored(from: self, to: &stored) }
        return stored
    }

    /// The model that these settings describe.
    ///
    /// - Parameter vocabularySize: entries of the vocabulary, `[UNK]` included.
    package func model(vocabularySize: Int) -> ModelConfiguration {
        var model = ModelConfiguration(vocabularySize: vocabularySize)
        for size in Self.modelSizes { size.write(self, to: &model) }
        return model
    }

    /// Whether a training can have the values of these settings.
    var arePossible: Bool { (Self.modelSizes + Self.training).allSatisfy { $0.isPossible(in: self) } }

    /// Refuses values that no training can have, and settings that contradict each other.
    ///
    /// - Parameter given: what was given on this start; nil for all that these settings hold.
    /// - Throws: `DTrainError` with `usage` that names the first of them.
    package func requirePossible(given: Settings? = nil) throws {
        try requirePossible(Self.modelSizes + Self.training)
        try requireConsistent(given: given ?? self)
    }

    /// Refuses values of the settings in a table that no training can have.
    ///
    /// - Throws: `DTrainError` with `usage` that names the first of them.
    package func requirePossible(_ table: [any AnySetting]) throws {
        guard let bad = table.first(where: { !$0.isPossible(in: self) }) else { return }
        throw DTrainError(.usage, "`\(bad.name)` \(bad.text(in: self)) is impossible", hint: "give another value")
    }
}

/// The form in a checkpoint's `training`: the settings given, by the keys of their entries.
extension Settings: Codable {
    /// Reads what is known of `training`; what is missing isn't given.
    public init(from decoder: any Decoder) throws {
        self.init()
        let container = try decoder.container(keyedBy: SettingKey.self)
        for setting in Self.training { try setting.decode(container, into: &self) }
    }

    /// Writes what is given.
    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: SettingKey.self)
        for setting in Self.training { try setting.encode(self, to: &container) }
    }
}
