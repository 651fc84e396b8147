/// Stacked bars, each with its name above and its total behind it.
package struct StackedBars {
    /// A category of segments.
    package struct Part {
        let name: String
        let color: Int

        /// Describes a category by its name and a number of the palette, from 1.
        package init(_ name: String, color: Int) { (self.name, self.color) = (name, color) }
    }

    private let title: String
    private let description: String
    private let parts: [Part]
    private let bars: [(name: String, values: [Double])]
    private let text: (Double) -> String

    /// Describes bars.
    ///
    /// - Parameters:
    ///   - description: the text for screen readers.
    ///   - parts: the categories in order.
    ///   - bars: the bars from top to bottom, with a value for each category.
    ///   - text: formats a value.
    package init(
        title: String, description: String, parts: [Part], bars: [(name: String, values: [Double])],
        text: @escaping (Double) -> String
    ) {
        (self.title, self.description, self.parts, self.bars, self.text) = (title, description, parts, bars, text)
    }

    private let width = 340.0
    private let rowHeight = 40.0
    private let right = 60.0

    /// The bars as a figure of a page.
    package var html: Markup {
        let longest = max(bars.map { $0.values.reduce(0, +) }.max() ?? 0, 1e-12)
        let rows = bars.enumerated().map { row($1.name, $1.values, $0, longest) }
        let legend = parts.map { part -> Markup in "<span class=\"key block c\(part.color)\"><i></i>\(part.name)</span>"
        }
        return """
            <figure class="card"><h3>\(title)</h3>
            <p class="legend">\(legend.joined(separator: "\n"))</p>
            <svg viewBox="0 0 \(number(width)) \(number(rowHeight * Double(bars.count)))" role="img" \
            aria-label="\(description)">
            \(rows.joined(separator: "\n"))
            </svg></figure>

            """
    }

    private func row(_ name: String, _ values: [Double], _ index: Int, _ longest: Double) -> Markup {
        let top = Double(index) * rowHeight
        let unit = (width - right) / longest
        var start = 0.0
        // SVG text doesn't wrap.
        var result: Markup = "<text x=\"0\" y=\"\(number(top + 13))\">\(shortened(name, to: 48))</text>"
        for (part, value) in zip(parts, values) {
            let length = value * unit
            result +=
                "<rect class=\"fill c\(part.color)\" x=\"\(number(start))\" y=\"\(number(top + 18))\" "
                + "width=\"\(decimal(length, 2))\" height=\"15\"><title>\(part.name): \(text(value))</title></rect>"
            start += length
        }
        return result
            + "<text x=\"\(number(start + 5))\" y=\"\(number(top + 30))\">\(text(values.reduce(0, +)))</text>"
    }
}
