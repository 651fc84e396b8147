/// A setting whose type of values isn't known: what tables of settings are made of.
package protocol AnySetting: Sendable {
    /// The name, in words joined by hyphens.
    var name: String { get }
    /// What the setting is, in a phrase.
    var summary: String { get }
    /// Whether the weights after a number of steps depend on it.
    var changesWeights: Bool { get }
    /// What a resumed training may do with it.
    var onResume: ResumeRule { get }
    /// Whether ranks may differ in it.
    var ranks: RankRule { get }
    /// The default as a user writes it.
    var defaultText: String { get }
    /// Whether it is on or off.
    var isSwitch: Bool { get }
    /// Whether a checkpoint keeps it.
    var isStored: Bool { get }

    /// Whether a value was given.
    func isGiven(in settings: Settings) -> Bool
    /// The value as a user writes it.
    func text(in settings: Settings) -> String
    /// Whether a training can have the value.
    func isPossible(in settings: Settings) -> Bool

    /// Copies the value from one collection to another that is to hold what a checkpoint keeps.
    func copyStored(from settings: Settings, to stored: inout Settings)
    /// Writes a given value under its key in `training`, if it has one.
    func encode(_ settings: Settings, to container: inout KeyedEncodingContainer<SettingKey>) throws
    /// Reads the value under its key in `training`, if it has one.
    func decode(_ container: KeyedDecodingContainer<SettingKey>, into settings: inout Settings) throws
    /// Copies a size from a model.
    func read(_ model: ModelConfiguration, into settings: inout Settings)
    /// Copies a size to a model.
    func write(_ settings: Settings, to model: inout ModelConfiguration)
    /// Applies the rule for resuming to one setting; the change to report, if any.
    func resume(_ settings: inout Settings, from stored: Settings, of path: String) throws -> String?
}

extension Setting: AnySetting {
    package var defaultText: String { text(defaultValue) }

    package var isSwitch: Bool { Value.isSettingSwitch }

    package var isStored: Bool {
        if case .nowhere = storage { false } else { true }
    }

    package func isGiven(in settings: Settings) -> Bool { settings.isGiven(self) }

    package func text(in settings: Settings) -> String { text(settings[self]) }

    package func isPossible(in settings: Settings) -> Bool { isPossible(settings[self]) }

    package func copyStored(from settings: Settings, to stored: inout Settings) {
        switch storage {
        case .training: stored[self] = settings[self]
        case .trainingUnlessDefault where settings[self] != defaultValue: stored[self] = settings[self]
        case .trainingUnlessDefault, .model, .nowhere: break
        }
    }

    package func encode(_ settings: Settings, to container: inout KeyedEncodingContainer<SettingKey>) throws {
        guard let key = storage.key, settings.isGiven(self), settings[self].settingText != nil else { return }
        try container.encode(settings[self], forKey: key)
    }

    package func decode(_ container: KeyedDecodingContainer<SettingKey>, into settings: inout Settings) throws {
        guard let key = storage.key else { return }
        settings.take(self, try container.decodeIfPresent(Value.self, forKey: key))
    }

    package func read(_ model: ModelConfiguration, into settings: inout Settings) {
        if case .model(let path) = storage { settings[self] = model[keyPath: path] }
    }

    package func write(_ settings: Settings, to model: inout ModelConfiguration) {
        if case .model(let path) = storage { model[keyPath: path] = settings[self] }
    }
}
