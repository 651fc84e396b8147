/// A type of values that a setting can have; its coded form is the one in checkpoints.
public protocol SettingValue: Hashable, Sendable, Codable {
    /// The value as a user writes it; nil for "no value".
    var text: String? { get }
    /// Whether the values are on and off, which a user chooses by naming the setting or its negation.
    static var isSwitch: Bool { get }
}

extension SettingValue {
    /// False: most settings are named with a value.
    public static var isSwitch: Bool { false }
}

extension Bool: SettingValue {
    /// `true` or `false`.
    public var text: String? { "\(self)" }
    /// True.
    public static var isSwitch: Bool { true }
}

extension Int: SettingValue {
    /// Decimal digits.
    public var text: String? { "\(self)" }
}

extension UInt64: SettingValue {
    /// Decimal digits.
    public var text: String? { "\(self)" }
}

extension Double: SettingValue {
    /// The shortest decimal form that gives the same number.
    public var text: String? { "\(self)" }
}

extension String: SettingValue {
    /// The string itself.
    public var text: String? { self }
}

extension Optional: SettingValue where Wrapped: SettingValue {
    /// The text of the value, nil where there is none.
    public var text: String? { self?.text }
}

extension SettingValue where Self: RawRepresentable<String> {
    /// The raw value.
    public var text: String? { rawValue }
}

extension Precision: SettingValue {}
extension Cell: SettingValue {}
extension GradientSummation: SettingValue {}
extension GradientCompression: SettingValue {}
