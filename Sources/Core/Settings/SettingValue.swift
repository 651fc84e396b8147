/// A type of setting values, encoded as in checkpoints.
public protocol SettingValue: Hashable, Sendable, Codable {
    /// The value as a user writes it; nil for "no value".
    var settingText: String? { get }
    /// Whether it is a Boolean switch, which a user sets by the setting's name or its negation.
    static var isSettingSwitch: Bool { get }
}

extension SettingValue {
    /// False, since most settings take a value.
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
    /// The shortest decimal form that converts back to the same number.
    public var settingText: String? { "\(self)" }
}

extension String: SettingValue {
    /// The string itself.
    public var settingText: String? { self }
}

extension Optional: SettingValue where Wrapped: SettingValue {
    /// The text of the wrapped value; nil if there is none.
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
