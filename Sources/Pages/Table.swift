/// A table, for a page or for a terminal.
package struct Table {
    /// The names of the columns.
    package let header: [String]
    /// The cells, row by row.
    package let rows: [[String]]
    /// The left-aligned columns of text; the first column always is one.
    package let textColumns: Set<Int>

    /// Describes a table.
    package init(_ header: [String], _ rows: [[String]], textColumns: Set<Int> = []) {
        (self.header, self.rows, self.textColumns) = (header, rows, textColumns.union([0]))
    }

    /// The table in a frame, which scrolls if the table is wide.
    package var html: Markup {
        let head = header.enumerated().map { index, text -> Markup in
            "<th scope=\"col\"\(mark(index))>\(text)</th>"
        }
        let body = rows.map { row -> Markup in
            let cells = row.enumerated().map { index, text -> Markup in "<td\(mark(index))>\(text)</td>" }
            return "<tr>\(cells.joined())</tr>"
        }
        return """
            <div class="table\(header.count <= 3 ? " few" : "")" tabindex="0"><table><thead><tr>\(head.joined())</tr></thead><tbody>
            \(body.joined(separator: "\n"))
            </tbody></table></div>
            """
    }

    private func mark(_ column: Int) -> Markup { textColumns.contains(column) ? " class=\"text\"" : "" }

    /// The table as lines for a terminal; control characters in cells are replaced.
    package var text: String {
        let cells = ([header] + rows).map { $0.map(Self.printable) }
        let widths = header.indices.map { column in
            cells.map { $0.indices.contains(column) ? $0[column].count : 0 }.max() ?? 0
        }
        return cells.map { row in
            let line = row.enumerated().map { index, text -> String in
                let padding = String(
                    repeating: " ", count: max(0, (widths.indices.contains(index) ? widths[index] : 0) - text.count))
                return textColumns.contains(index) ? text + padding : padding + text
            }.joined(separator: "  ")
            return (line.lastIndex { $0 != " " }.map { String(line[...$0]) } ?? "") + "\n"
        }.joined()
    }

    private static func printable(_ text: String) -> String {
        String(
            String.UnicodeScalarView(
                text.unicodeScalars.map { $0.properties.generalCategory == .control ? "\u{FFFD}" : $0 }))
    }
}
