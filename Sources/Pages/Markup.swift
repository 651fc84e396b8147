/// HTML or SVG source.
///
/// A literal is source as it stands; whatever is interpolated is text and is escaped, unless it is markup itself:
///
///     let item: Markup = "<li>\(name)</li>"
package struct Markup: Hashable, Sendable {
    /// The source, safe to be put into a page.
    package private(set) var source: String

    /// Plain text.
    package init(text: some StringProtocol) { source = Self.escaped(text) }

    private init(source: String) { self.source = source }

    /// Both, one after the other.
    package static func + (left: Markup, right: Markup) -> Markup { Markup(source: left.source + right.source) }

    /// Appends more source.
    package static func += (left: inout Markup, right: Markup) { left.source += right.source }

    /// Text for the inside of an element or of a quoted attribute.
    ///
    /// Scalar by scalar: a quote with a combining mark behind it is one character, but closes an attribute all the same. Control
    /// characters, which XML doesn't have, become U+FFFD.
    private static func escaped(_ text: some StringProtocol) -> String {
        var result = String.UnicodeScalarView()
        for scalar in text.unicodeScalars {
            switch scalar {
            case "&": result.append(contentsOf: "&amp;".unicodeScalars)
            case "<": result.append(contentsOf: "&lt;".unicodeScalars)
            case ">": result.append(contentsOf: "&gt;".unicodeScalars)
            case "\"": result.append(contentsOf: "&quot;".unicodeScalars)
            case "'": result.append(contentsOf: "&#39;".unicodeScalars)
            case "\t", "\n", "\r": result.append(scalar)
            case "\0"..."\u{1F}", "\u{FFFE}", "\u{FFFF}": result.append("\u{FFFD}")
            default: result.append(scalar)
            }
        }
        return String(result)
    }
}

extension Markup: ExpressibleByStringInterpolation {
    /// Source as it stands.
    package init(stringLiteral value: String) { source = value }

    /// Source with escaped texts in it.
    package init(stringInterpolation: Interpolation) { source = stringInterpolation.source }

    /// Collects literals, texts and markup.
    package struct Interpolation: StringInterpolationProtocol {
        fileprivate var source = ""

        package init(literalCapacity: Int, interpolationCount: Int) { source.reserveCapacity(literalCapacity * 2) }

        package mutating func appendLiteral(_ literal: String) { source += literal }
        package mutating func appendInterpolation(_ text: some StringProtocol) { source += Markup.escaped(text) }
        package mutating func appendInterpolation(_ number: Int) { source += String(number) }
        package mutating func appendInterpolation(_ markup: Markup) { source += markup.source }
    }
}

extension Sequence<Markup> {
    /// All of them, one after the other.
    package func joined(separator: Markup = "") -> Markup {
        var result: Markup = ""
        for (index, part) in enumerated() {
            if index > 0 { result += separator }
            result += part
        }
        return result
    }
}
