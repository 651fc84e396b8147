/// One setting of a training: its name, its default, and the rules that follow from them.
///
/// Everything that handles settings (checkpoints, resuming, the comparison of ranks, a program's help) goes through the
/// entries in a table, so a new setting is one entry, listed once, and one flag of the program.
public struct Setting<Value: SettingValue>: Sendable {
    /// The name, in words joined by hyphens: `learning-rate`.
    public let name: String
    /// What the setting is, in a phrase.
    public let summary: String
    /// The value where none is given.
    public let defaultValue: Value
    /// Whether the weights after a number of steps depend on it.
    package let changesWeights: Bool
    /// What a resumed training may do with it.
    package let onResume: ResumeRule
    /// Where a checkpoint keeps it.
    package let storage: SettingStorage<Value>
    /// Whether ranks may differ in it.
    package let ranks: RankRule
    /// The word for a value of nil.
    let noValue: String
    let isPossible: @Sendable (Value) -> Bool
    let fit: @Sendable (Value, Settings) -> Value

    /// Defines a setting.
    ///
    /// - Parameters:
    ///   - name: the name, in words joined by hyphens.
    ///   - summary: what it is, in a phrase without a full stop.
    ///   - defaultValue: the value where none is given.
    ///   - noValue: the word for a value of nil.
    ///   - changesWeights: whether the weights after a number of steps depend on it.
    ///   - onResume: what a resumed training may do with it.
    ///   - storage: where a checkpoint keeps it.
    ///   - ranks: whether ranks may differ in it.
    ///   - fit: adapts the default to other settings.
    ///   - isPossible: whether a training can have the value.
    package init(
        _ name: String, _ summary: String, default defaultValue: Value, noValue: String = "none",
        changesWeights: Bool = false, onResume: ResumeRule = .free, storedIn storage: SettingStorage<Value> = .nowhere,
        ranks: RankRule = .same, fit: @escaping @Sendable (Value, Settings) -> Value = { value, _ in value },
        where isPossible: @escaping @Sendable (Value) -> Bool = { _ in true }
    ) {
        self.name = name
        self.summary = summary
        self.defaultValue = defaultValue
        self.noValue = noValue
        self.changesWeights = changesWeights
        self.onResume = onResume
        self.storage = storage
        self.ranks = ranks
        self.fit = fit
        self.isPossible = isPossible
    }

    /// A value as a user writes it.
    func text(_ value: Value) -> String { value.settingText ?? noValue }
}

/// What a resumed training may do with a setting.
package enum ResumeRule: Hashable, Sendable {
    /// The checkpoint's value holds; another one is refused.
    case fixed
    /// The checkpoint's value holds unless another one is given, which is reported.
    case mayChange
    /// Each start has its own.
    case free
}

/// Whether the ranks of a job may differ in a setting.
package enum RankRule: Hashable, Sendable {
    /// The same value everywhere.
    case same
    /// Each rank has its own.
    case free
}

/// The place of a setting in a checkpoint's `configuration`.
package enum SettingStorage<Value>: Sendable {
    /// A size of the model, in `model`.
    case model(WritableKeyPath<ModelConfiguration, Value> & Sendable)
    /// A key in `training` that every checkpoint has; where an old one lacks it, the value is unknown.
    case training(String)
    /// A key in `training` that is there only where the value isn't the default.
    case trainingUnlessDefault(String)
    /// Not kept.
    case nowhere

    /// The key in `training`, if that is the place.
    var key: SettingKey? {
        switch self {
        case .training(let key), .trainingUnlessDefault(let key): SettingKey(stringValue: key)
        case .model, .nowhere: nil
        }
    }
}

/// A key of `training` in a checkpoint's `configuration`.
package struct SettingKey: CodingKey {
    package let stringValue: String
    package var intValue: Int? { nil }
    package init(stringValue: String) { self.stringValue = stringValue }
    package init?(intValue: Int) { nil }
}
