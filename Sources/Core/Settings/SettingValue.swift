/// A type of values that a setting can have; its coded form is the one in checkpoints.
public protocol SettingValue: Hashable, Sendable, Codable {
    /// The value as a user writes it; nil for "no value".
    var settingText: String? { get }
    /// Whether the values are on and off, which a user chooses by naming the setting or its negation.
    static var isSettingSwitch: Bool { get }
}

extension SettingValue {
    /// False: most settings are named with a value.
    public static var isSettingSwitch: Bool { false }
}

extension Bool: SettingValue {
    /// `true` or `false`.
    public var settingText: String? { "\(self)" }
    /// True.
    public static var isSettingSwitch: Bool { true }
}

extension Int: SettingValue {
    /// Decimal digits.
    public var settingText: String? { "\(self)" }
}

extension UInt64: SettingValue {
    /// Decimal digits.
    public var settingText: String? { "\(self)" }
}

extension Double: SettingValue {
    /// The shortest decimal form that gives the same number.
    public var settingText: String? { "\(self)" }
}

extension String: SettingValue {
    /// The string itself.
    public var settingText: String? { self }
}

extension Optional: SettingValue where Wrapped: SettingValue {
    /// The text of the value, nil where there is none.
    public var settingText: String? { self?.settingText }
}

extension SettingValue where Self: RawRepresentable<String> {
    /// The raw value.
    public var settingText: String? { rawValue }
}

extension Precision: SettingValue {}
extension Cell: SettingValue {}
extension GradientSummation: SettingValue {}
extension GradientCompression: SettingValue {}
