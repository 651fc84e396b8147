import Glibc

/// A style of text on a terminal with colors.
package enum TextStyle: String {
    case bold = "1"
    case red = "1;31"
    case yellow = "1;33"

    /// Whether NO_COLOR is unset and TERM names a terminal with colors; see https://no-color.org.
    private static let isWanted = (value("NO_COLOR") ?? "").isEmpty && !["dumb", ""].contains(value("TERM") ?? "")

    /// Returns the text in this style if `isShown` and colors are wanted, else unchanged.
    package func text(_ text: String, isShown: Bool) -> String {
        isShown && Self.isWanted ? "\u{1B}[\(rawValue)m\(text)\u{1B}[0m" : text
    }

    /// Returns the label of a line on standard error: `error:` or `warning:`.
    package static func label(_ kind: String) -> String {
        let style: TextStyle = kind == "error" ? .red : .yellow
        return style.text("\(kind):", isShown: TerminalLine.isShared || isatty(STDERR_FILENO) == 1)
    }

    private static func value(_ name: String) -> String? { getenv(name).map { String(cString: $0) } }
}
