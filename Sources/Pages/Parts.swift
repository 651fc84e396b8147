/// Small parts of pages.
package enum Parts {
    /// Large numbers, each with a line of text below it.
    package static func tiles(_ tiles: [(number: String, words: String)]) -> Markup {
        let parts = tiles.map { tile -> Markup in
            "<div class=\"tile\"><b>\(tile.number)</b><span>\(tile.words)</span></div>"
        }
        return "<div class=\"tiles\">\(parts.joined())</div>"
    }

    /// A list of names with descriptions.
    package static func list(_ entries: [(name: String, text: String)]) -> Markup {
        let items = entries.map { entry -> Markup in "<dt>\(entry.name)</dt><dd>\(entry.text)</dd>" }
        return "<dl class=\"card\">\(items.joined(separator: "\n"))</dl>"
    }

    /// Content that a click on its summary shows.
    package static func details(_ summary: String, _ content: Markup) -> Markup {
        "<details><summary>\(summary)</summary>\(content)</details>"
    }

    /// Charts, side by side if there is room.
    package static func charts(_ charts: [LineChart]) -> Markup {
        "<div class=\"charts\">\n\(charts.map(\.html).joined())</div>"
    }
}
