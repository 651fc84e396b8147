/// The split of a step, a bar for each configuration.
struct StepBars {
    private static var kinds: [(name: String, color: Int, seconds: (StepParts) -> Double)] {
        [
            ("compute", 1, { $0.compute }), ("pack", 4, { $0.pack }), ("exchange", 2, { $0.exchange }),
            ("wait (skew)", 5, { $0.wait }), ("Adam", 3, { $0.adam }), ("other", 6, { $0.other }),
        ]
    }

    let bars: [(name: String, parts: StepParts)]

    private let width = 340.0
    private let rowHeight = 40.0
    private let right = 60.0

    var html: String {
        let longest = max(bars.map(\.parts.total).max() ?? 0, 1e-12)
        let rows = bars.enumerated().map { index, bar in row(bar.name, bar.parts, index, longest) }
        let legend = Self.kinds.map { "<span class=\"key block c\($0.color)\"><i></i>\($0.name)</span>" }
        return """
            <figure class="card wide"><h3>Where the time of a step goes, on rank 0</h3>
            <p class="legend">\(legend.joined(separator: "\n"))</p>
            <svg class="bars" viewBox="0 0 \(number(width)) \(number(rowHeight * Double(bars.count)))" role="img" \
            aria-label="The split of a step for each configuration">
            \(rows.joined(separator: "\n"))
            </svg></figure>

            """
    }

    private func row(_ name: String, _ parts: StepParts, _ index: Int, _ longest: Double) -> String {
        let top = Double(index) * rowHeight
        let unit = (width - right) / longest
        var start = 0.0
        var result = "<text x=\"0\" y=\"\(number(top + 13))\">\(escaped(name))</text>"
        for kind in Self.kinds {
            let length = kind.seconds(parts) * unit
            result +=
                "<rect class=\"fill c\(kind.color)\" x=\"\(number(start))\" y=\"\(number(top + 18))\" "
                + "width=\"\(decimal(length, 2))\" height=\"15\"><title>\(kind.name): \(seconds(kind.seconds(parts)))"
                + "</title></rect>"
            start += length
        }
        return result + "<text x=\"\(number(start + 5))\" y=\"\(number(top + 30))\">\(seconds(parts.total))</text>"
    }
}
