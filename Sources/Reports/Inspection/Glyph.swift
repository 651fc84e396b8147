import DTrainCore
import Pages

/// How a character or byte is shown.
struct Glyph {
    /// What stands in the text.
    let text: String
    /// The class of its element beside that of its surprisal; nil for an ordinary character.
    let style: String?
    /// What it is called where it stands alone.
    let name: String

    private init(_ text: String, _ style: String?, _ name: String) {
        (self.text, self.style, self.name) = (text, style, name)
    }

    /// The character or byte of an id.
    init(_ id: UInt16, _ vocabulary: Vocabulary) {
        if let scalar = vocabulary.scalar(of: id) {
            self.init(scalar)
        } else if id == 0 || vocabulary.tokenization == .characters {
            self.init("�", "k", Vocabulary.unknownToken)
        } else if id <= 0x80 {
            self.init(Unicode.Scalar(UInt8(id - 1)))
        } else {
            let digits = String(id - 1, radix: 16)
            self.init(digits, "k", "byte \(digits)")
        }
    }

    private init(_ scalar: Unicode.Scalar) {
        switch scalar {
        case "\n": self.init("\n", "n", "↵")
        case "\t": self.init("\t", "t", "tab")
        case " ": self.init(" ", nil, "space")
        case "\0"..."\u{1F}":
            // Their pictures, one for each.
            let picture = Unicode.Scalar(0x2400 + scalar.value).map { String($0) } ?? "�"
            self.init(picture, "k", picture)
        default:
            guard Self.isVisible(scalar) else {
                self.init("◌", "k", "U+\(String(scalar.value, radix: 16, uppercase: true))")
                return
            }
            self.init(String(scalar), nil, String(scalar))
        }
    }

    /// Whether it shows something, and only at its own place.
    private static func isVisible(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.properties.generalCategory {
        case .control, .format, .lineSeparator, .paragraphSeparator, .surrogate, .unassigned: false
        default: true
        }
    }
}
