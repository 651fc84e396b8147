import DTrainCore
import Pages

/// The display form of a character or byte.
struct Glyph {
    /// The text on the page.
    let text: String
    /// The CSS class besides the surprisal's; nil for an ordinary character.
    let style: String?
    /// The name where it appears alone.
    let name: String

    private init(_ text: String, _ style: String?, _ name: String) {
        (self.text, self.style, self.name) = (text, style, name)
    }

    /// The glyph of an id.
    init(_ id: UInt16, _ vocabulary: Vocabulary) {
        if let scalar = vocabulary.scalar(of: id) {
            self.init(scalar)
        } else if id == 0 || vocabulary.tokenization == .characters {
            self.init("�", "k", Vocabulary.unknownToken)
        } else {
            let byte = UInt8(truncatingIfNeeded: id - 1)
            let isText = (0x20..<0x7F).contains(byte) || byte == UInt8(ascii: "\n") || byte == UInt8(ascii: "\t")
            let digits = Self.hexadecimal(UInt32(byte), digits: 2)
            if isText { self.init(Unicode.Scalar(byte)) } else { self.init(digits, "k", "byte \(digits)") }
        }
    }

    private init(_ scalar: Unicode.Scalar) {
        switch scalar {
        case "\n": self.init("\n", "n", "↵")
        case "\t": self.init("\t", "t", "tab")
        case " ": self.init(" ", nil, "space")
        case _ where Self.isVisible(scalar): self.init(String(scalar), nil, String(scalar))
        default:
            // Few fonts have the pictures of control characters.
            let digits = Self.hexadecimal(scalar.value, digits: 4)
            self.init(digits, "k", "U+\(digits.uppercased())")
        }
    }

    private static func hexadecimal(_ value: UInt32, digits: Int) -> String {
        let text = String(value, radix: 16)
        return String(repeating: "0", count: max(0, digits - text.count)) + text
    }

    /// Whether the scalar is visible and doesn't affect its neighbors.
    private static func isVisible(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.properties.generalCategory {
        case .control, .format, .lineSeparator, .paragraphSeparator, .surrogate, .unassigned: false
        default: true
        }
    }
}
