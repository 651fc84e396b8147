/// Small parts of pages.
package enum Parts {
    /// Large numbers, each with a line of text below it.
    package static func tiles(_ tiles: [(number: String, words: String)]) -> Markup {
        let parts = tiles.map { tile -> Markup in
            "<div class=\"tile\"><b>\(tile.number)</b><span>\(tile.words)</span></div>"
        }
        return "<div class=\"tiles\">\(parts.joined())</div>"
    }

    /// The conclusions of a page, a few sentences, the most important first.
    package static func verdict(_ sentences: [String]) -> Markup {
        let parts = sentences.map { sentence -> Markup in "<p>\(sentence)</p>" }
        return "<div class=\"verdict\">\(parts.joined())</div>"
    }

    /// Sentences of small type, one below the other.
    package static func notes(_ sentences: [String]) -> Markup {
        sentences.map { sentence -> Markup in "<p class=\"soft note\">\(sentence)</p>" }.joined(separator: "\n")
    }

    /// A list of terms with their descriptions.
    package static func list(_ entries: [(name: String, text: String)]) -> Markup {
        let items = entries.map { entry -> Markup in "<dt>\(entry.name)</dt><dd>\(entry.text)</dd>" }
        return "<dl class=\"card\">\(items.joined(separator: "\n"))</dl>"
    }

    /// Content that a click on its summary shows.
    package static func details(_ summary: String, _ content: Markup) -> Markup {
        "<details><summary>\(summary)</summary>\(content)</details>"
    }

    /// Charts side by side where there is room.
    package static func charts(_ charts: [LineChart]) -> Markup { self.charts(of: charts.map(\.html)) }

    /// Figures side by side where there is room.
    package static func charts(of figures: [Markup]) -> Markup {
        "<div class=\"charts\">\n\(figures.joined())</div>"
    }
}
