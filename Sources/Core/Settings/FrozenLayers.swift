/// Layers whose weights are frozen during training.
///
/// The names are `embedding`, `dense`, the cell's name for all recurrent layers (`gru`, `lstm`,
/// `rnn`), and a numbered name for one of them: `gru_0`, `gru_1`.
public struct FrozenLayers: Hashable, Sendable, ExpressibleByArrayLiteral {
    /// No layer.
    public static let none = FrozenLayers([])

    /// The layers' names, each once, in ascending order.
    public let names: [String]

    /// Creates a set of names, which are checked against a model only when its layers are frozen.
    public init(_ names: some Sequence<String>) { self.names = Set(names).sorted() }

    /// Creates a set of names.
    public init(arrayLiteral names: String...) { self.init(names) }

    /// Parses comma-separated names, or `none`; nil if a name is empty or can't be a layer's.
    public init?(_ text: String) {
        let parts = text.split(separator: ",", omittingEmptySubsequences: false).map(String.init)
        self.init(text == Self.noneText ? [] : parts)
        if !isValid { return nil }
    }

    /// The word for no layer.
    static let noneText = "none"

    /// Whether all names are well-formed layer names.
    var isValid: Bool {
        names.allSatisfy { name in
            !name.isEmpty && name != Self.noneText
                && name.utf8.allSatisfy { (0x61...0x7A).contains($0) || (0x30...0x39).contains($0) || $0 == 0x5F }
        }
    }

    /// Finds the tensors of these layers.
    ///
    /// - Parameter layout: the model's layout.
    /// - Returns: the indices of the tensors in `layout.tensors`.
    /// - Throws: `DTrainError` with `usage` when the model lacks a named layer, or when no tensor
    ///   would be left to train.
    func tensors(of layout: ParameterLayout) throws -> Set<Int> {
        let parts = Self.parts(layout.configuration)
        let layers = try names.flatMap { name in
            guard let layers = parts.first(where: { $0.names.contains(name) })?.layers else {
                throw DTrainError(
                    .usage, "`freeze`: the model has no layer '\(name)'",
                    hint: "name some of \(parts.compactMap(\.names.first).joined(separator: ", "))")
            }
            return layers
        }
        let frozen = layout.tensors.indices.filter { index in
            layers.contains { layout.tensors[index].name.hasPrefix("\($0).") }
        }
        guard frozen.count < layout.tensors.count else {
            throw DTrainError(
                .usage, "`freeze` \(names.joined(separator: ",")) leaves nothing to train",
                hint: "leave a layer out, or use 'dtrain evaluate' to measure a loss")
        }
        return Set(frozen)
    }

    /// Checks the names against a model.
    ///
    /// - Throws: the errors of `tensors(of:)`.
    package func check(_ model: ModelConfiguration) throws { _ = try tensors(of: ParameterLayout(model)) }

    /// The names that are valid for a model: synonyms, and the layers that they stand for.
    private static func parts(_ model: ModelConfiguration) -> [(names: [String], layers: [String])] {
        let cell = model.cell
        let layers = (0..<model.layers).map(cell.layerName)
        return [(["embedding"], ["embedding"]), ([cell.rawValue, cell.layerName], layers)]
            + layers.enumerated().map { index, layer in
                (index == 0 ? ["\(cell.layerName)_0"] : [layer], [layer])
            } + [(["dense"], ["dense"])]
    }
}

extension FrozenLayers: SettingValue {
    /// The comma-separated names; nil if there are none.
    public var settingText: String? { names.isEmpty ? nil : names.joined(separator: ",") }

    /// Decodes the form that a user writes.
    public init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        guard let layers = FrozenLayers(try container.decode(String.self)) else {
            throw DecodingError.dataCorruptedError(in: container, debugDescription: "no names of layers")
        }
        self = layers
    }

    /// Encodes the form that a user writes.
    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(settingText ?? Self.noneText)
    }
}
