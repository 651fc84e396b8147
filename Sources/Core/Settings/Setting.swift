/// A training setting: its name, its default and its rules.
///
/// Checkpoints, resuming, the comparison between ranks and help texts all use tables of settings. A
/// new setting needs one definition, one table entry and one command-line flag.
public struct Setting<Value: SettingValue>: Sendable {
    /// The name: words joined by hyphens, such as `learning-rate`.
    public let name: String
    /// A short description.
    public let summary: String
    /// The value when none is given.
    public let defaultValue: Value
    /// Whether the weights after a number of steps depend on it.
    package let changesWeights: Bool
    /// The rule for its value when a run resumes.
    package let onResume: ResumeRule
    /// The place where checkpoints store it.
    package let storage: SettingStorage<Value>
    /// Whether ranks may have different values.
    package let ranks: RankRule
    /// The word for a nil value.
    let noValue: String
    let isValid: @Sendable (Value) -> Bool
    let adapt: @Sendable (Value, Settings) -> Value

    /// Defines a setting.
    ///
    /// - Parameters:
    ///   - name: the name: words joined by hyphens.
    ///   - summary: a short description without a full stop.
    ///   - defaultValue: the value when none is given.
    ///   - noValue: the word for a nil value.
    ///   - changesWeights: whether the weights after a number of steps depend on it.
    ///   - onResume: the rule for its value when a run resumes.
    ///   - storage: the place where checkpoints store it.
    ///   - ranks: whether ranks may have different values.
    ///   - adapt: adapts the default to other settings.
    ///   - isValid: whether a value is valid.
    package init(
        _ name: String, _ summary: String, default defaultValue: Value, noValue: String = "none",
        changesWeights: Bool = false, onResume: ResumeRule = .free, storedIn storage: SettingStorage<Value> = .nowhere,
        ranks: RankRule = .same, adapt: @escaping @Sendable (Value, Settings) -> Value = { value, _ in value },
        where isValid: @escaping @Sendable (Value) -> Bool = { _ in true }
    ) {
        self.name = name
        self.summary = summary
        self.defaultValue = defaultValue
        self.noValue = noValue
        self.changesWeights = changesWeights
        self.onResume = onResume
        self.storage = storage
        self.ranks = ranks
        self.adapt = adapt
        self.isValid = isValid
    }

    /// A value as a user writes it.
    func text(_ value: Value) -> String { value.settingText ?? noValue }
}

/// A rule for a setting's value when a run resumes.
package enum ResumeRule: Hashable, Sendable {
    /// The checkpoint's value applies; a different one is an error.
    case fixed
    /// The checkpoint's value applies unless another one is given; the change is reported.
    case mayChange
    /// Each start has its own value; checkpoints don't matter.
    case free
}

/// Whether the ranks of a job may differ in a setting.
package enum RankRule: Hashable, Sendable {
    /// All ranks have the same value.
    case same
    /// Each rank has its own value.
    case free
}

/// The place of a setting in a checkpoint's `configuration`.
package enum SettingStorage<Value>: Sendable {
    /// A size of the model, in `model`.
    case model(WritableKeyPath<ModelConfiguration, Value> & Sendable)
    /// A key in `training` of every checkpoint; if an old checkpoint lacks it, the value is
    /// unknown.
    case training(String)
    /// A key in `training` that is stored only for a value other than the default.
    case trainingUnlessDefault(String)
    /// Not stored.
    case nowhere

    /// The key in `training`, if there is one.
    var key: SettingKey? {
        switch self {
        case .training(let key), .trainingUnlessDefault(let key): SettingKey(stringValue: key)
        case .model, .nowhere: nil
        }
    }
}

/// A key in `training` of a checkpoint's `configuration`.
package struct SettingKey: CodingKey {
    package let stringValue: String
    package var intValue: Int? { nil }
    package init(stringValue: String) { self.stringValue = stringValue }
    package init?(intValue: Int) { nil }
}
