/// A setting with its value type erased, as stored in tables of settings.
package protocol AnySetting: Sendable {
    /// The name: words joined by hyphens.
    var name: String { get }
    /// A short description.
    var summary: String { get }
    /// Whether the weights after a number of steps depend on it.
    var changesWeights: Bool { get }
    /// The rule for its value when a run resumes.
    var onResume: ResumeRule { get }
    /// Whether ranks may have different values.
    var ranks: RankRule { get }
    /// The default value as a user writes it.
    var defaultText: String { get }
    /// Whether it is a Boolean switch.
    var isSwitch: Bool { get }
    /// Whether checkpoints store it.
    var isStored: Bool { get }

    /// Whether a value was given.
    func isGiven(in settings: Settings) -> Bool
    /// The value as a user writes it.
    func text(in settings: Settings) -> String
    /// Whether the value is valid for training.
    func isValid(in settings: Settings) -> Bool

    /// Copies the value to settings that are to be stored in a checkpoint, if it is stored at all.
    func copyStored(from settings: Settings, to stored: inout Settings)
    /// Encodes a given value under its key in `training`, if it has one.
    func encode(_ settings: Settings, to container: inout KeyedEncodingContainer<SettingKey>) throws
    /// Decodes the value under its key in `training`, if it has one.
    func decode(_ container: KeyedDecodingContainer<SettingKey>, into settings: inout Settings) throws
    /// Copies the value from a model, if it is a model size.
    func read(_ model: ModelConfiguration, into settings: inout Settings)
    /// Copies the value to a model, if it is a model size.
    func write(_ settings: Settings, to model: inout ModelConfiguration)
    /// Applies the rule for resuming; returns the change to report, if any.
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

    package func isValid(in settings: Settings) -> Bool { isValid(settings[self]) }

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
