/// The units that a text is cut into, each of which has an id.
public enum Tokenization: String, Hashable, Sendable, Codable, CaseIterable {
    /// Unicode scalars of UTF-8; the vocabulary is that of a text.
    case characters
    /// Bytes, whatever they encode; the vocabulary is the same for every text.
    case bytes

    /// One of the units: `character` or `byte`.
    public var unit: String { String(rawValue.dropLast()) }
}

extension Tokenization: SettingValue {}
