/// The units that a text is divided into; each distinct unit has an id.
public enum Tokenization: String, Hashable, Sendable, Codable, CaseIterable {
    /// Unicode scalars of UTF-8 text; each text has its own vocabulary.
    case characters
    /// Bytes of any file; all texts share one vocabulary.
    case bytes

    /// The singular of the unit: `character` or `byte`.
    public var unit: String { String(rawValue.dropLast()) }
}

extension Tokenization: SettingValue {}
