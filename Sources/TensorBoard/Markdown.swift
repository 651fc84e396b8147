/// Texts in TensorBoard's Markdown, in which no character has a meaning of its own.
enum Markdown {
    /// A text as it is, line by line.
    static func verbatim(_ text: String) -> String {
        text.split(omittingEmptySubsequences: false, whereSeparator: \.isNewline).map { "    \($0)" }
            .joined(separator: "\n")
    }

    /// A table of names and their values.
    static func table(_ rows: [(name: String, value: String)]) -> String {
        (["| setting | value |", "|---|---|"] + rows.map { "| \(code($0.name)) | \(code($0.value)) |" })
            .joined(separator: "\n")
    }

    /// A text as code on one line, between more backquotes than it has in a row.
    static func code(_ text: String) -> String {
        let line = text.split(whereSeparator: \.isNewline).joined(separator: " ")
        guard line.contains(where: { !$0.isWhitespace }) else { return "" }
        let longest = line.split(whereSeparator: { $0 != "`" }).map(\.count).max() ?? 0
        let quotes = String(repeating: "`", count: longest + 1)
        return longest == 0 ? "`\(line)`" : "\(quotes) \(line) \(quotes)"
    }
}
