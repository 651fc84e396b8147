/// The header of a safetensors file: the ranges of the tensors and the free-form metadata.
///
///     {"__metadata__": {"key": "value", …},
///      "NAME": {"dtype": "F32", "shape": [2, 3], "data_offsets": [0, 24]}, …}
///
/// Parsing checks everything against the size of the file.
struct SafetensorsHeader {
    /// The largest number of tensors, more than any of dtrain's models has; it bounds the memory
    /// for hostile headers.
    static let maximumTensors = 10_000
    static let maximumMetadata = 1_000
    static let maximumDimensions = 8
    static let metadataName = "__metadata__"

    private(set) var tensors: [String: Safetensors.TensorView] = [:]
    private(set) var metadata: [String: String] = [:]
    /// The range of each metadata value's raw characters in the header, without the quotes.
    private(set) var metadataRanges: [String: Range<Int>] = [:]
    /// The names in the order of the data.
    private(set) var names: [String] = []
    private var hasMetadata = false

    /// Parses and checks a header.
    ///
    /// - Parameters:
    ///   - bytes: the JSON text, including padding.
    ///   - dataCount: the number of bytes that follow it.
    /// - Throws: `JSONScanner.Problem`.
    init(_ bytes: UnsafeRawBufferPointer, dataCount: Int) throws {
        guard bytes.first == UInt8(ascii: "{") else {
            throw JSONScanner.Problem(text: "its header is not a JSON object")
        }
        var scanner = JSONScanner(bytes)
        try scanner.sequence("{", "}") { try readMember(&$0) }
        guard scanner.isAtEnd() else {
            throw JSONScanner.Problem(text: "text after the end of the header at byte \(scanner.position)")
        }
        try checkRanges(dataCount: dataCount)
    }

    private mutating func readMember(_ scanner: inout JSONScanner) throws {
        let name = try scanner.string()
        try scanner.expect(":")
        guard name != Self.metadataName else { return try readMetadata(&scanner) }
        guard tensors.count < Self.maximumTensors else {
            throw JSONScanner.Problem(text: "more than \(Self.maximumTensors) tensors")
        }
        let view = try readTensor(name, &scanner)
        guard tensors.updateValue(view, forKey: name) == nil else {
            throw JSONScanner.Problem(text: "tensor \(name.quotedForMessage) occurs twice")
        }
    }

    private mutating func readMetadata(_ scanner: inout JSONScanner) throws {
        guard !hasMetadata else { throw JSONScanner.Problem(text: "metadata occurs twice") }
        hasMetadata = true
        try scanner.sequence("{", "}") { scanner in
            let key = try scanner.string()
            try scanner.expect(":")
            let (value, range) = try scanner.stringAndRange()
            guard metadata.count < Self.maximumMetadata, metadata.updateValue(value, forKey: key) == nil else {
                throw JSONScanner.Problem(text: "metadata \(key.quotedForMessage) occurs twice, or too much metadata")
            }
            metadataRanges[key] = range
        }
    }

    private func readTensor(_ name: String, _ scanner: inout JSONScanner) throws -> Safetensors.TensorView {
        var dtype: String?
        var shape: [Int]?
        var offsets: [Int]?
        try scanner.sequence("{", "}") { scanner in
            let key = try scanner.string()
            try scanner.expect(":")
            switch key {
            case "dtype" where dtype == nil: dtype = try scanner.string()
            case "shape" where shape == nil: shape = try counts(&scanner, atMost: Self.maximumDimensions)
            case "data_offsets" where offsets == nil: offsets = try counts(&scanner, atMost: 2)
            default:
                throw JSONScanner.Problem(
                    text: "tensor \(name.quotedForMessage) has an unknown or repeated key \(key.quotedForMessage)")
            }
        }
        guard let dtype, let shape, let offsets, offsets.count == 2 else {
            throw JSONScanner.Problem(text: "tensor \(name.quotedForMessage) lacks its dtype, shape or data_offsets")
        }
        let type = ElementType(name: dtype)
        guard offsets[0] <= offsets[1], Self.fits(shape, of: type, in: offsets[1] - offsets[0]) else {
            throw JSONScanner.Problem(
                text:
                    "tensor \(name.quotedForMessage) of type \(dtype.quotedForMessage) and shape \(shape) does not fill "
                    + "bytes \(offsets)"
            )
        }
        return Safetensors.TensorView(elementType: type, shape: shape, range: offsets[0]..<offsets[1])
    }

    private func counts(_ scanner: inout JSONScanner, atMost limit: Int) throws -> [Int] {
        var values: [Int] = []
        try scanner.sequence("[", "]") { scanner in
            guard values.count < limit else { throw JSONScanner.Problem(text: "a list of more than \(limit) numbers") }
            values.append(try scanner.count())
        }
        return values
    }

    /// Whether elements of that shape take `count` bytes; true for an unknown type.
    private static func fits(_ shape: [Int], of type: ElementType, in count: Int) -> Bool {
        guard var product = type.byteCount else { return true }
        for dimension in shape {
            let (next, overflow) = product.multipliedReportingOverflow(by: dimension)
            guard !overflow else { return false }
            product = next
        }
        return product == count
    }

    /// Checks that the tensors cover the data from its first byte to its last, without gap or
    /// overlap.
    private mutating func checkRanges(dataCount: Int) throws {
        let ordered = tensors.sorted { left, right in
            let (a, b) = (left.value.range, right.value.range)
            return (a.lowerBound, a.upperBound, left.key) < (b.lowerBound, b.upperBound, right.key)
        }
        var end = 0
        for (name, view) in ordered {
            guard view.range.upperBound <= dataCount else {
                throw JSONScanner.Problem(
                    text:
                        "tensor \(name.quotedForMessage) ends at byte \(view.range.upperBound) "
                        + "of \(dataCount): the file is cut short"
                )
            }
            guard view.range.lowerBound == end else {
                throw JSONScanner.Problem(
                    text: "tensor \(name.quotedForMessage) starts at byte \(view.range.lowerBound) instead of \(end)"
                )
            }
            end = view.range.upperBound
        }
        guard end == dataCount else {
            throw JSONScanner.Problem(text: "\(dataCount - end) bytes after the last tensor")
        }
        names = ordered.map(\.key)
    }
}

extension String {
    /// The text in quotes, shortened and without control characters, so that messages can safely
    /// quote a hostile file.
    package var quotedForMessage: String {
        let head = unicodeScalars.prefix(60)
        var text = head.reduce(into: "") { text, scalar in
            if scalar.properties.generalCategory == .control || scalar.properties.generalCategory == .format
                || scalar == "\u{2028}" || scalar == "\u{2029}"
            {
                text += scalar.escaped(asASCII: true)
            } else {
                text.unicodeScalars.append(scalar)
            }
        }
        if head.endIndex != unicodeScalars.endIndex { text += "…" }
        return "'\(text)'"
    }
}
