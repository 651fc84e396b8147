/// A chart of curves and points, as SVG with a legend above it.
package struct LineChart: Sendable {
    package let title: String
    let xLabel: String
    let yLabel: String
    private let x: Axis
    private let y: Axis
    private let xText: @Sendable (Double) -> String
    private let yText: @Sendable (Double) -> String
    package let lines: [Line]

    /// Describes a chart.
    ///
    /// - Parameters:
    ///   - xText: formats a tick of the x axis.
    ///   - yText: formats a tick of the y axis; nil for the axis's own format.
    package init(
        title: String, xLabel: String, yLabel: String, x: Axis, y: Axis,
        xText: @escaping @Sendable (Double) -> String = whole,
        yText: (@Sendable (Double) -> String)? = nil, lines: [Line]
    ) {
        (self.title, self.xLabel, self.yLabel, self.x, self.y) = (title, xLabel, yLabel, x, y)
        (self.xText, self.yText) = (xText, yText ?? { y.text($0) })
        self.lines = lines.filter { !$0.points.isEmpty }
    }

    // The size on a phone, where the chart's text matches the page's; larger screens scale it up.
    private let width = 340.0
    private let height = 236.0
    private let left = 64.0
    private let right = 18.0
    private let top = 8.0
    private let bottom = 38.0

    /// The chart as a figure of a page.
    package var html: Markup {
        """
        <figure class="card"><h3>\(title)</h3>
        <p class="legend">\(lines.map(legend).joined(separator: "\n"))</p>
        <svg viewBox="0 0 \(number(width)) \(number(height))" role="img" aria-label="\(description)">
        \(grid)
        \(lines.map(draw).joined(separator: "\n"))
        </svg></figure>

        """
    }

    /// The chart as a standalone SVG file with its legend inside, light or dark as the viewer's
    /// screen.
    package var picture: String {
        let row = 15.0
        let head = 24 + row * Double(lines.count)
        let legend = lines.enumerated().map { index, line -> Markup in
            let middle = 26 + row * Double(index)
            return sample(line, y: middle)
                + "<text x=\"\(number(left + 30))\" y=\"\(number(middle + 3.5))\">\(shortened(line.name, to: 40))</text>"
        }
        let markup: Markup = """
            <svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 \(number(width)) \(number(height + head))" width="680" \
            role="img" aria-label="\(description)">
            <style>
            \(Style.picture)
            </style>
            <rect class="page" width="100%" height="100%"/>
            <text class="label" x="\(number(left))" y="14">\(title)</text>
            \(legend.joined(separator: "\n"))
            <g transform="translate(0 \(number(head)))">
            \(grid)
            \(lines.map(draw).joined(separator: "\n"))
            </g></svg>

            """
        return markup.source
    }

    private var description: String {
        "\(title): \(yLabel) by \(xLabel); \(lines.map(\.name).joined(separator: ", "))"
    }

    private func legend(_ line: Line) -> Markup {
        "<span class=\"key \(line.style.rawValue) c\(line.color)\"><i></i>\(line.name)</span>"
    }

    private func sample(_ line: Line, y: Double) -> Markup {
        switch line.style {
        case .solid, .dashed, .dotted:
            "<polyline class=\"\(line.style.rawValue) c\(line.color)\" points=\"\(number(left)),\(number(y)) \(number(left + 24)),\(number(y))\"/>"
        case .dots, .rings:
            "<circle class=\"\(line.style.rawValue) c\(line.color)\" cx=\"\(number(left + 12))\" cy=\"\(number(y))\" r=\"4\"/>"
        }
    }

    private var grid: Markup {
        var parts = y.ticks.map { tick -> Markup in
            let position = number(placeY(tick))
            return "<line class=\"grid\" x1=\"\(number(left))\" x2=\"\(number(width - right))\" y1=\"\(position)\" "
                + "y2=\"\(position)\"/><text class=\"end\" x=\"\(number(left - 5))\" y=\"\(number(placeY(tick) + 3.5))\">"
                + "\(yText(tick))</text>"
        }
        parts += x.ticks.filter { x.position($0) >= -0.001 && x.position($0) <= 1.001 }.map { tick in
            let position = number(placeX(tick))
            return "<line class=\"tick\" x1=\"\(position)\" x2=\"\(position)\" y1=\"\(number(height - bottom))\" "
                + "y2=\"\(number(height - bottom + 4))\"/><text class=\"middle\" x=\"\(position)\" "
                + "y=\"\(number(height - bottom + 15))\">\(xText(tick))</text>"
        }
        let center = (top + height - bottom) / 2
        parts.append(
            "<text class=\"middle label\" x=\"\(number((left + width - right) / 2))\" y=\"\(number(height - 5))\">"
                + "\(xLabel)</text><text class=\"middle label\" transform=\"translate(9 \(number(center))) "
                + "rotate(-90)\">\(yLabel)</text>")
        return parts.joined(separator: "\n")
    }

    private func draw(_ line: Line) -> Markup {
        let places = line.points.map { (x: number(placeX($0.x)), y: number(placeY($0.y))) }
        switch line.style {
        case .solid, .dashed, .dotted:
            let path = places.map { "\($0.x),\($0.y)" }.joined(separator: " ")
            // A line of one point would be invisible.
            let mark: Markup =
                places.count == 1
                ? "<circle class=\"dots c\(line.color)\" cx=\"\(places[0].x)\" cy=\"\(places[0].y)\" r=\"3\"/>" : ""
            return "<polyline class=\"\(line.style.rawValue) c\(line.color)\" points=\"\(path)\"/>" + mark
        case .dots, .rings:
            let bars = zip(line.points, line.intervals).map { point, interval -> Markup in
                let position = number(placeX(point.x))
                return "<line class=\"bar c\(line.color)\" x1=\"\(position)\" x2=\"\(position)\" "
                    + "y1=\"\(number(placeY(interval.low)))\" y2=\"\(number(placeY(interval.high)))\"/>"
            }
            let radius = line.style == .dots ? "4" : "6.5"
            let marks = places.map { place -> Markup in
                "<circle class=\"\(line.style.rawValue) c\(line.color)\" cx=\"\(place.x)\" cy=\"\(place.y)\" r=\"\(radius)\"/>"
            }
            return (bars + marks).joined(separator: "\n")
        }
    }

    private func placeX(_ value: Double) -> Double { left + x.position(value) * (width - left - right) }

    private func placeY(_ value: Double) -> Double {
        height - bottom - min(1, max(0, y.position(value))) * (height - top - bottom)
    }
}

/// A coordinate.
func number(_ value: Double) -> String { decimal(value.isFinite ? value : 0, 1) }
