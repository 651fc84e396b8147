/// The settings of a training: what was given, and defaults for the rest.
public struct Settings: Hashable, Sendable {
    /// The given values by the settings' names.
    private var given: [String: any SettingValue] = [:]

    /// All defaults.
    public init() {}

    /// The value given, else the default; a value that is set counts as given.
    public subscript<Value>(setting: Setting<Value>) -> Value {
        get {
            guard let value = given[setting.name] else { return setting.fit(setting.defaultValue, self) }
            return value as? Value ?? setting.defaultValue
        }
        set { given[setting.name] = newValue }
    }

    /// Whether a value was given, be it the default's.
    public func isGiven<Value>(_ setting: Setting<Value>) -> Bool { given[setting.name] != nil }

    /// Takes a value where there is one.
    public mutating func take<Value>(_ setting: Setting<Value>, _ value: Value?) {
        if let value { self[setting] = value }
    }

    /// Takes a value where there is one; leaving it out is not the same as giving nil.
    public mutating func take<Wrapped>(_ setting: Setting<Wrapped?>, _ value: Wrapped?) {
        if let value { self[setting] = value }
    }

    /// Takes all values given in other settings, instead of its own.
    public mutating func take(_ other: Settings) { given.merge(other.given) { $1 } }

    /// Forgets a value.
    mutating func remove<Value>(_ setting: Setting<Value>) { given[setting.name] = nil }

    /// Whether the same values are given for the same settings.
    public static func == (a: Settings, b: Settings) -> Bool { a.hashable == b.hashable }

    /// Hashes the given values.
    public func hash(into hasher: inout Hasher) { hasher.combine(hashable) }

    private var hashable: [String: AnyHashable] { given.mapValues { AnyHashable($0) } }
}
