/// HTML or SVG source.
///
/// Literals are source. Interpolated values are text and get escaped, unless they are markup:
///
///     let item: Markup = "<li>\(name)</li>"
package struct Markup: Hashable, Sendable {
    /// The source, safe to insert into a page.
    package private(set) var source: String

    /// Creates markup from plain text.
    package init(text: some StringProtocol) { source = Self.escaped(text) }

    private init(source: String) { self.source = source }

    /// Concatenates two pieces of markup.
    package static func + (left: Markup, right: Markup) -> Markup { Markup(source: left.source + right.source) }

    /// Appends more source.
    package static func += (left: inout Markup, right: Markup) { left.source += right.source }

    /// Escapes text for the inside of an element or of a quoted attribute.
    ///
    /// It works on scalars: a quote followed by a combining mark is one character, but still closes
    /// an attribute. Control characters, which XML forbids, become U+FFFD.
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
    /// Creates markup from a literal.
    package init(stringLiteral value: String) { source = value }

    /// Creates markup from a literal with interpolated values.
    package init(stringInterpolation: Interpolation) { source = stringInterpolation.source }

    /// Collects literals, text and markup.
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
    /// Concatenates the elements.
    package func joined(separator: Markup = "") -> Markup {
        var result: Markup = ""
        for (index, part) in enumerated() {
            if index > 0 { result += separator }
            result += part
        }
        return result
    }
}
