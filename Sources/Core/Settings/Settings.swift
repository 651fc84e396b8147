/// The settings of a training run: given values, and defaults for the rest.
public struct Settings: Hashable, Sendable {
    /// The given values by setting name.
    private var given: [String: any SettingValue] = [:]

    /// Creates settings with all defaults.
    public init() {}

    /// The given value, or else the default; setting a value makes it a given one.
    public subscript<Value>(setting: Setting<Value>) -> Value {
        get {
            guard let value = given[setting.name] else { return setting.adapt(setting.defaultValue, self) }
            return value as? Value ?? setting.defaultValue
        }
        set { given[setting.name] = newValue }
    }

    /// Whether a value was given, even if it equals the default.
    public func isGiven<Value>(_ setting: Setting<Value>) -> Bool { given[setting.name] != nil }

    /// Sets a value unless it is nil.
    public mutating func take<Value>(_ setting: Setting<Value>, _ value: Value?) {
        if let value { self[setting] = value }
    }

    /// Sets an optional setting unless the value is nil; nil means "not given" here, not "no
    /// value".
    public mutating func take<Wrapped>(_ setting: Setting<Wrapped?>, _ value: Wrapped?) {
        if let value { self[setting] = value }
    }

    /// Takes all given values of other settings, which replace its own.
    public mutating func take(_ other: Settings) { given.merge(other.given) { $1 } }

    /// Removes a given value, which restores the default.
    mutating func remove<Value>(_ setting: Setting<Value>) { given[setting.name] = nil }

    /// Whether the same settings are given with the same values.
    public static func == (a: Settings, b: Settings) -> Bool { a.hashable == b.hashable }

    /// Hashes the given values.
    public func hash(into hasher: inout Hasher) { hasher.combine(hashable) }

    private var hashable: [String: AnyHashable] { given.mapValues { AnyHashable($0) } }
}
